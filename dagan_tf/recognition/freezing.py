"""A pretrained network cut in two: what is left as it is, and what is trained on its outputs."""

from __future__ import annotations

import keras

from dagan_tf.config.reading import ConfigError


def cut_network(model: keras.Model, share: float) -> tuple[keras.Model, keras.Model]:
    """Cuts a network where a single tensor carries everything on.

    Args:
        model: a functional model of one input and one output.
        share: of its layers with weights, in (0, 1]; the cut lies behind the last place that has no
            more than this share before it.

    Returns:
        From the model's input to the cut, and from there to its output; they share its weights.

    Raises:
        ConfigError: there is no such place before the first layer with weights.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    weighted = sum(bool(layer.weights) for layer in layers)
    # The last layer that reads each layer's output, and the model's input.
    maker = {id(layer.output): place for place, layer in enumerate(layers)}
    maker[id(model.inputs[0])] = -1
    last = [*range(len(layers)), 0]
    for place, layer in enumerate(layers):
        sources = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        for source in sources:
            if id(source) in maker:
                last[maker[id(source)]] = place
    allowed = share * weighted + 1e-9
    cut, before, open_until = None, 0, last[-1]
    for place, layer in enumerate(layers):
        before += bool(layer.weights)
        if before > allowed:
            break
        # All that was made earlier has been read by now: this output alone is carried on.
        if open_until <= place and before and len(layer.output.shape) in (2, 4):
            cut = place
        open_until = max(open_until, last[place])
    if cut is None:
        raise ConfigError(
            f"network.frozen = {share:g}: no place to cut {model.name!r} before {int(allowed)} of"
            f" {weighted} layers with weights; expected a larger share, or 0"
        )
    middle = layers[cut].output
    return (
        keras.Model(model.inputs[0], middle, name="frozen"),
        keras.Model(middle, model.outputs[0], name="trained"),
    )
