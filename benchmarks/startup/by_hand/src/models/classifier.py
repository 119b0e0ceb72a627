"""The classifier as Lightning wants it."""

import lightning as L
import torch
from transformers import get_linear_schedule_with_warmup


class SentenceClassifier(L.LightningModule):
    """Trains whatever network returns a loss."""

    def __init__(self, network, learning_rate, warmup):
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate
        self.warmup = warmup

    def training_step(self, batch, index):
        loss = self.network(**batch).loss
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.learning_rate)
        schedule = get_linear_schedule_with_warmup(optimizer, self.warmup, 100)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
