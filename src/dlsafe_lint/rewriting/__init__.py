"""How fixes are written: a module knows one change of a program, as LibCST nodes."""
