"""Draws `pictures/equilibrium.png`: k and L_con of the trainings in `results/equilibrium`.

python docs/make_equilibrium_picture.py
"""

import json
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).parent
NAMES = {
    "began-1.2": "began, γ 1.2, α .1",
    "began-0.7": "began, γ .7, α .02",
    "literal": "literal, γ 1.5, α .02, k0 .5",
}


def main() -> None:
    """Reads the logs, writes the picture."""
    figure = Figure(figsize=(9, 3), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    balance, convergence = figure.subplots(1, 2)
    for name, label in NAMES.items():
        text = (HERE / "results" / "equilibrium" / f"{name}.jsonl").read_text(encoding="utf-8")
        records = [json.loads(line) for line in text.splitlines()]
        steps = [record["step"] for record in records]
        balance.plot(steps, [record["balance"] for record in records], label=label)
        convergence.plot(steps, [record["convergence"] for record in records], label=label)
    balance.set(xlabel="step", ylabel="k")
    convergence.set(xlabel="step", ylabel="L_con", yscale="log")
    balance.legend(frameon=False)
    figure.savefig(HERE / "pictures" / "equilibrium.png", metadata={"Software": None})


if __name__ == "__main__":
    main()
