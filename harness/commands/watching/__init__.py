"""What `watch` shows of a study: its numbers, their lines on a terminal, its cluster's job, its live page."""
