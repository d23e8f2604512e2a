"""The 3D head: its shapes, its mesh, the file formats it is read from."""
