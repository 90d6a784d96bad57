"""Both ways through the commands: LeRobot's policies in Kata, Kata's skills in LeRobot."""

import importlib.metadata
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kata.datasets.dataset import Dataset
from kata.datasets.types import ChunkRequest, Command, ConfigError, KataError, SpecError
from kata.launch.cli import main

ACT = (
    *("policy=lerobot/act", "policy.settings.dim_model=16", "policy.settings.n_heads=2"),
    *("policy.settings.dim_feedforward=16", "policy.settings.n_encoder_layers=1"),
    "policy.settings.n_vae_encoder_layers=1",
)


@pytest.fixture(scope="module", autouse=True)
def quiet_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lerobot") / "pick"
    assert main(["record", "skill=pick", "episodes=4", f"out={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def skill(demos: Path) -> Path:
    """A skill that was hardly trained, in a folder for LeRobot."""
    out = demos.with_name("skill")
    line = ["train", "skill=pick", f"data={demos}", "policy=regression", "steps=30"]
    assert main([*line, "policy.hidden=16", f"out={out}"]) == 0
    assert main(["library", "export", str(out), f"out={demos.with_name('export')}"]) == 0
    return demos.with_name("export") / "pick-1.0.0-lerobot"


@pytest.fixture
def plugins() -> None:
    """What LeRobot's own commands do first: import the plugins that are installed."""
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()


def read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text()))


# ------------------------------------------------------------------ LeRobot's policy in Kata
def test_a_policy_of_lerobot_is_a_skill_like_any_other(demos: Path, tmp_path: Path) -> None:
    line = ["train", "skill=pick", f"data={demos}", "steps=3", *ACT]
    assert main([*line, f"out={tmp_path / 'act'}"]) == 0
    trained = read(tmp_path / "act")
    assert (trained["policy"], trained["demonstrations"]) == ("lerobot/act", 4)
    folder = tmp_path / "act" / trained["package"]
    shelf = tmp_path / "shelf"
    (shelf / "skills").mkdir(parents=True)
    assert main(["library", "add", str(tmp_path / "act"), f"library={shelf}"]) == 0
    assert main(["library", "verify", f"library={shelf}"]) == 0
    asked = ["evaluate", "skill=pick", f"policy={folder}", "trials=2", "seed=5"]
    assert main([*asked, f"out={tmp_path / 'e1'}"]) == 0
    assert main([*asked, f"out={tmp_path / 'e2'}"]) == 0
    assert read(tmp_path / "e1")["failures"] == read(tmp_path / "e2")["failures"]
    # The package is a folder that LeRobot opens as it is, and so is its export.
    assert main(["library", "export", str(folder), f"out={tmp_path / 'x'}"]) == 0
    for opened in (folder, tmp_path / "x" / "pick-1.0.0-lerobot"):
        from lerobot.policies.act.modeling_act import ACTPolicy

        assert ACTPolicy.from_pretrained(opened).config.dim_model == 16


def test_lerobots_policies_are_listed_and_misspellings_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--help"]) == 0
    assert "lerobot/act" in capsys.readouterr().out
    assert main(["train", "skill=pick", "data=d", "policy=lerobot/atc"]) == 2
    assert capsys.readouterr().err == (
        "error: unknown policy/lerobot 'atc'\n"
        "  expected: one of act, any, diffusion\n"
        "  got:      'atc'\n"
        "  do:       did you mean 'act'?\n"
    )


# ------------------------------------------------------------------ Kata's skill in LeRobot
@pytest.mark.usefixtures("plugins")
def test_lerobot_finds_the_plugin_by_its_name() -> None:
    from lerobot.configs import PreTrainedConfig
    from lerobot.envs.configs import EnvConfig

    plugin = importlib.metadata.distribution("lerobot_policy_kata")
    # With underscores, or LeRobot does not find it.
    assert plugin.metadata["Name"] == "lerobot_policy_kata"
    assert plugin.version == importlib.metadata.version("kata-robotics")
    assert "kata" in PreTrainedConfig.get_known_choices()
    assert "kata" in EnvConfig.get_known_choices()


def run_lerobot_eval(policy: Path, out: Path, episodes: int, batch: int, seed: int) -> list[bool]:
    """LeRobot's own script; the outcome of each episode."""
    from lerobot.scripts import lerobot_eval

    line = [f"--policy.path={policy}", "--env.type=kata", "--env.task=pick", f"--seed={seed}"]
    line += [f"--eval.n_episodes={episodes}", f"--eval.batch_size={batch}"]
    line += ["--env.render_height=32", "--env.render_width=48", f"--output_dir={out}"]
    line += ["--eval.use_async_envs=false"]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lerobot-eval", *line])
        try:
            lerobot_eval.main()
        finally:
            root.handlers[:], root.level = handlers, level
    info = json.loads((out / "eval_info.json").read_text())
    successes: list[bool] = info["per_task"][0]["metrics"]["successes"]
    return successes


def test_lerobots_script_runs_an_exported_skill(skill: Path, tmp_path: Path) -> None:
    assert len(run_lerobot_eval(skill, tmp_path, episodes=2, batch=2, seed=1000)) == 2
    assert list(tmp_path.rglob("*.mp4"))


def open_policy(skill: Path, **changes: Any) -> Any:
    from lerobot.configs import PreTrainedConfig
    from lerobot.policies.factory import make_policy
    from lerobot_policy_kata import KataEnv

    config = PreTrainedConfig.from_pretrained(skill)
    config.pretrained_path = skill
    for name, value in changes.items():
        setattr(config, name, value)
    return make_policy(config, env_cfg=KataEnv(task="pick"))


@pytest.mark.usefixtures("plugins")
def test_actions_in_lerobot_are_the_joints_of_our_chunks(skill: Path) -> None:
    """What LeRobot gets are the points that the executor's trajectory passes, row by row."""
    from kata.policies import load_policy
    from kata.sim.robots import load
    from kata.sim.robots.kinematics import ToolKinematics
    from kata.sim.tasks import make_trial

    policy = open_policy(skill)
    ours = load_policy(skill.parents[1] / "skill" / "pick-1.0.0")
    trial = make_trial("pick")
    observations = [trial.reset(seed) for seed in (1, 2)]
    values = [o.values() for o in observations]
    batch = {
        key: torch.from_numpy(np.stack([v[key] for v in values]).astype(np.float32))
        for key in ("observation.state", "observation.tool_pose", "observation.focus")
    }
    policy.reset()
    found = [policy.select_action(batch).numpy() for _ in range(ours.chunk_spec.execute)]
    kinematics = ToolKinematics(load("panda"))
    for row, observation in enumerate(observations):
        chunk = ours.chunk(observation, ChunkRequest(observation.time_s))
        path = kinematics.follow(chunk, Command.hold(observation.position))
        for k, action in enumerate(found):
            target = path.at(observation.time_s + (k + 1) * chunk.step_s).position
            np.testing.assert_allclose(action[row], target, atol=1e-4)


@pytest.mark.usefixtures("plugins")
def test_a_skill_runs_on_a_datasets_features_and_a_sentence(skill: Path, demos: Path) -> None:
    """As LeRobot deploys a policy: opened with a dataset's features, asked with its frame."""
    from lerobot.common.control_utils import predict_action
    from lerobot.configs import PreTrainedConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDatasetMetadata
    from lerobot.policies.factory import make_policy, make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(skill)
    config.pretrained_path = skill
    meta = LeRobotDatasetMetadata("kata/test", root=demos)
    policy = make_policy(config, ds_meta=meta)
    before, after = make_pre_post_processors(config, pretrained_path=str(skill))
    recorded = Dataset.open(demos)
    frame = {
        key: recorded.column(key)[0].astype(np.float32)
        for key in ("observation.state", "observation.environment_state")
    }
    sentence = recorded.tasks[0]
    cpu = torch.device("cpu")
    action = predict_action(frame, policy, cpu, before, after, use_amp=False, task=sentence)
    assert action.shape == (1, len(recorded.schema.joints))
    policy.reset()
    seen = {**frame, "observation.focus": recorded.focus(np.array([0]))[0]}
    same = predict_action(seen, policy, cpu, before, after, use_amp=False)
    # Up to what the measured tool pose, which is not among them, differs from the joints'.
    torch.testing.assert_close(action, same, atol=1e-3, rtol=0)
    policy.reset()
    with pytest.raises(SpecError, match="a task that names no entity"):
        predict_action(frame, policy, cpu, before, after, use_amp=False, task="fry an egg")


@pytest.mark.usefixtures("plugins")
def test_what_the_plugin_cannot_do_is_said(skill: Path) -> None:
    policy = open_policy(skill)
    with pytest.raises(SpecError, match="nothing says what the call is about"):
        policy.select_action({"observation.state": torch.zeros(1, 8)})
    with pytest.raises(ConfigError, match="not trained by LeRobot"):
        policy.forward({})
    with pytest.raises(ConfigError, match="a skill of another robot"):
        open_policy(skill, robot="franka_emika_panda")
    with pytest.raises(ConfigError, match="a policy without its card"):
        open_policy(skill, card="")
    from lerobot_policy_kata import KataEnv

    with pytest.raises(KataError, match="unknown view 'al'"):
        KataEnv(view="al")


@pytest.mark.usefixtures("plugins")
def test_the_environment_has_the_keys_that_either_policy_reads(demos: Path) -> None:
    from lerobot.envs import make_env, preprocess_observation
    from lerobot_policy_kata import KataEnv

    from kata.policies.lerobot.inputs import Inputs

    for view, width in (("call", 7 + 16), ("scene", None)):
        config = KataEnv(task="pick", view=view)
        (env,) = make_env(config)["kata"].values()
        raw, _ = env.reset(seed=3)
        batch = preprocess_observation(raw)
        assert batch["observation.state"].shape == (1, 8)
        recorded = Dataset.open(demos).column("observation.environment_state").shape[1]
        assert batch["observation.environment_state"].shape == (1, width or recorded)
        assert env.call("task_description")[0].startswith("pick(")
        if view == "call":
            theirs = {key: batch[key] for key in Inputs(8, 1, 1).shapes}
            ours = Inputs(8, 1, 1).tensors(
                {
                    key: batch[key].numpy()
                    for key in ("observation.state", "observation.tool_pose", "observation.focus")
                }
            )
            torch.testing.assert_close(theirs, ours)
        env.close()


def test_a_scripted_skill_is_not_exported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["library", "export", "pick"]) == 2
    assert capsys.readouterr().err == (
        "error: a scripted skill lives in the simulator (in kata library export pick)\n"
        "  expected: a skill that was learned\n"
        "  do:       kata train skill=pick data=DIR, then kata library add\n"
    )


@pytest.mark.slow
def test_success_in_lerobot_is_within_the_interval_of_our_own(tmp_path: Path) -> None:
    """Train in Kata; evaluate with both on the same scenes."""
    from kata.launch.agents import find_agent
    from kata.sim.tasks import make_trial
    from kata.skills.evidence.trials import Interval, build_trials

    data, out, trials = tmp_path / "data", tmp_path / "skill", 50
    assert main(["record", "skill=pick", "episodes=100", f"out={data}"]) == 0
    line = ["train", "skill=pick", f"data={data}", "steps=1000", "train.held_out=0.0"]
    assert main([*line, f"out={out}"]) == 0
    assert main(["library", "export", str(out), f"out={tmp_path / 'x'}"]) == 0
    exported = tmp_path / "x" / "pick-1.0.0-lerobot"
    theirs = run_lerobot_eval(exported, tmp_path / "eval", trials, batch=10, seed=1000)
    job = build_trials(lambda: make_trial("pick"), find_agent(str(out), "pick", None).load)
    ours = [job(seed).success for seed in range(1000, 1000 + trials)]
    interval = Interval.of(sum(ours), trials)
    assert interval.low <= sum(theirs) / trials <= interval.high
