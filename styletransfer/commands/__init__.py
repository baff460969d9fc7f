"""The commands of `styletransfer`, one file for each."""
