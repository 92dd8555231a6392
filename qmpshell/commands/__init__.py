"""The local commands, which begin with `/`: a file each."""
