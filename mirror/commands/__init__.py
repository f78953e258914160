"""What each command does: arguments parsed by `mirror.cli` in, an exit status out."""
