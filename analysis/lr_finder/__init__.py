"""Turn the curves of learning-rate range tests into suggestions, a table and a figure. No torch, no Ray."""
