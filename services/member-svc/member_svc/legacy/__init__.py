"""Members of the previous system: millions of lines, checked like rosters, loaded in chunks, told to readers."""
