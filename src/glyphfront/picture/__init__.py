"""Pictures as people have them, brought to the 28x28 images that models read: read, ink, parts, normalize."""
