"""What a program does: folders in, numbers out."""
