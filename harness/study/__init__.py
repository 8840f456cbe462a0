"""What is asked: study files, parsed strictly into arms, domains and budgets. No torch, no Ray."""
