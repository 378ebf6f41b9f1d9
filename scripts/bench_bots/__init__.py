"""Measures ChatAI's Telegram bots as they really run, and what happens to them when things are killed.

    make bench-bots                                        # everything, about 25 minutes on two cores
    make bench-bots ARGS="--quick"                         # 1 and 50 bots, under two minutes
    make bench-bots ARGS="--bots 1,100 --only live,single"

It starts an installation of its own in a temporary folder: PostgreSQL with its normal, durable settings, Valkey, the
migrations, documents to search in, the sandbox in Telegram's place, a model server that speaks OpenAI's protocol, and
`chatai bots`. Nothing of it stays.
"""
