"""Reading documents: what a file is by its content, and its text with pages and headings.

Parsing happens in a child process (`child`) that is limited and killable; `process` starts it. Nothing here that the
web process imports may import a parsing library: those belong to the child alone.
"""
