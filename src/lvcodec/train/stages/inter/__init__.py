"""Stage inter of swift: its inter path, in chains of pictures that it codes itself."""
