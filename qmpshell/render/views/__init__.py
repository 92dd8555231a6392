"""Views: replies as lines for people, computed from values alone, and imported only when used."""
