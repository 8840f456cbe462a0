"""Programs that train: started, read and ended. Knows nothing of studies' files, torch or Ray."""
