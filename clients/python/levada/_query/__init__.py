"""Relations: expressions over tables, and what is fetched of them."""
