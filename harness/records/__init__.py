"""What a study leaves on disk: journal, manifest, parquet tables. No torch, no Ray."""
