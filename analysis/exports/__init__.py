"""What a study recorded, for trackers and plain files. Nothing here writes into the study's folder.

`content` says what is exported, `reading` gets it from the journal, and each target has a file of its own,
which alone imports its package.
"""
