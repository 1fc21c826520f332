"""Looks whether everything is as it should be. Reads only; no check depends on another one's success."""
