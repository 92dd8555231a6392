"""What the tests start and talk to: real servers, scripted ones, the program, a terminal."""
