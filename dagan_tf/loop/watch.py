"""Detectors of trainings gone wrong: not finite, collapsed, or nothing refined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagan_tf.config.sections import AlarmConfig, TrainingConfig
from dagan_tf.errors import DaganError

# Untrained tanh refiners look collapsed and skip refiners are the identity: give them a tenth of
# the training after the warm-up.
_GRACE = 0.1


class TrainingFailure(DaganError):
    """A training that has to end or to go back.

    Attributes:
        action: `stop` or `rollback`, as configured.
    """

    def __init__(self, message: str, action: str = "stop") -> None:
        """Names the failure.

        Args:
            message: one line for people.
            action: see the class.
        """
        super().__init__(message)
        self.action = action


class DivergedError(TrainingFailure):
    """A metric is not finite."""


@dataclass(frozen=True)
class Alarm:
    """Something wrong at a step.

    Attributes:
        name: `collapse` or `identity_map`.
        text: one line for people.
        action: `warn`, `rollback` or `stop`.
        new: it was not there at the check before.
    """

    name: str
    text: str
    action: str
    new: bool


class Watch:
    """Looks at the metrics whenever they are logged."""

    def __init__(self, settings: AlarmConfig, training: TrainingConfig) -> None:
        """Starts with no alarm.

        Args:
            settings: limits and actions.
            training: says from which step on they hold.
        """
        self._settings = settings
        self._since = training.warmup_steps + _GRACE * training.steps
        self._ringing: set[str] = set()

    def check(self, step: int, values: Mapping[str, float]) -> list[Alarm]:
        """Names what is wrong.

        Args:
            step: steps done.
            values: metrics by name.
        """
        settings, found = self._settings, {}
        least = settings.collapse_ratio * values.get("simulated_diversity", 0.0)
        if step > self._since and values.get("diversity", least) < least:
            found["collapse"] = (
                f"step {step}: refined images have become alike: diversity"
                f" {values['diversity']:.4f}, simulated {values['simulated_diversity']:.4f}",
                settings.on_collapse,
            )
        moved = values.get("refinement", settings.identity_map_limit)
        if step > self._since and moved < settings.identity_map_limit:
            found["identity_map"] = (
                f"step {step}: nothing is refined: mean |refined - simulated| is {moved:.5f}; lower"
                " loss.pose_weight or take loss.pose_form=l2",
                settings.on_identity_map,
            )
        alarms = [
            Alarm(name, text, action, name not in self._ringing)
            for name, (text, action) in found.items()
        ]
        self._ringing = set(found)
        return alarms

    @staticmethod
    def act(alarms: Sequence[Alarm]) -> None:
        """Raises the first alarm that asks for more than a warning.

        Raises:
            TrainingFailure: with the alarm's text and action.
        """
        for alarm in alarms:
            if alarm.action != "warn":
                raise TrainingFailure(alarm.text, alarm.action)
