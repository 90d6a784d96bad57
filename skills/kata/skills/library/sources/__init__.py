"""Where packages come from: folders, archives, Git trees, the Hub; and archives for others."""
