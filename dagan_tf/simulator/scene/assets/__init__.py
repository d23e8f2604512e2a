"""The packaged network that tells person from backdrop; PERSON.md says where it comes from."""
