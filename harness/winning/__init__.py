"""What a study's winner becomes outside of it: a study file, a plain script, weights, a card. No Ray."""
