"""The batch job: a folder of images becomes Results.csv."""
