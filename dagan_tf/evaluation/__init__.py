"""Is a refined face nearer to a real one?"""
