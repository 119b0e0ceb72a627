"""Sentences made of numbers: nothing has to be downloaded."""

import torch
from torch.utils.data import Dataset


class Sentences(Dataset):
    """Random sentences, the same in every process."""

    def __init__(self, count, length, words, classes):
        self.count = count
        self.length = length
        self.words = words
        self.classes = classes

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        sentence = torch.randint(self.words, (self.length,), generator=generator)
        return sentence, index % self.classes


def collate(batch):
    """Make a batch of what a BERT wants."""
    sentences, labels = zip(*batch)
    return {"input_ids": torch.stack(sentences), "labels": torch.tensor(labels)}
