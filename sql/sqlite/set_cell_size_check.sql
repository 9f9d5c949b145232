-- Notice a damaged page when it is read, not when it has done harm.
PRAGMA cell_size_check = ON
