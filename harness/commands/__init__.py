"""The commands: parse arguments, call, print. The only code that knows both harness and analysis."""
