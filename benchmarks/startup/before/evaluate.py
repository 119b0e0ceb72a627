"""Says how well a classifier of sentences does that nobody has trained: `python evaluate.py --sentences 16`."""

import argparse

import lightning as L
import torch
from transformers import AutoModelForSequenceClassification, BertConfig

from src.data import Sentences, collate
from src.models import SentenceClassifier
from src.utils import RankedLogger, get_metric_value

log = RankedLogger(__name__, rank_zero_only=True)


def evaluate(options: argparse.Namespace) -> dict[str, float]:
    """Return the mean loss."""
    L.seed_everything(options.seed, verbose=False)
    config = BertConfig(
        vocab_size=200, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_labels=3
    )
    model = SentenceClassifier(AutoModelForSequenceClassification.from_config(config), 0.001, 2)
    loader = torch.utils.data.DataLoader(Sentences(options.sentences, 16, 200, classes=3), collate_fn=collate)
    with torch.no_grad():
        losses = [float(model.network(**batch).loss) for batch in loader]
    log.info(f"{len(losses)} sentences")
    return {"test/loss": sum(losses) / len(losses)}


def main() -> None:
    """Evaluate, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()

    metrics = evaluate(options)
    print(f"loss {get_metric_value(metrics, 'test/loss'):.4f}")


if __name__ == "__main__":
    main()
