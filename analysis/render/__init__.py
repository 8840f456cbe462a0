"""How numbers become text, tables and figures; nothing here reads a study."""
