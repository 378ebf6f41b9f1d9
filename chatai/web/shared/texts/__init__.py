"""The catalogue: every text of the pages in English and Russian, one module an area of the product."""
