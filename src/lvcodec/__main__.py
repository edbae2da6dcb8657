"""`python -m lvcodec` is the command `lvcodec`."""

from lvcodec.cli.main import run

if __name__ == "__main__":
    run()
