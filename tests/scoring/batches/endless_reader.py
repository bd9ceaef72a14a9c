"""In the place of the program that decodes one file alone: it comes to no end."""

import time

if __name__ == "__main__":
    time.sleep(600)
