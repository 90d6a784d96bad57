# Each target does all of its set-up itself (.ci/setup); a second call starts at once.
SEED ?= 0
ARGS ?=

# What MuJoCo draws with, as the set-up found it; your own MUJOCO_GL wins.
GL = MUJOCO_GL=$${MUJOCO_GL:-$$(cat .venv/kata-gl)}

.PHONY: help demo test test-slow bench bench-check lint clean

help:
	@echo "make demo [SEED=0] [ARGS=...]  demonstrations, training, library, plan, execution, report"
	@echo "make test                      all checks: lint, types, arrows, wheel, tests"
	@echo "make test-slow                 the long proofs"
	@echo "make bench                     all benches; writes docs/performance.md"
	@echo "make bench-check               all benches; fails where a ratio is 20 % worse than in docs"
	@echo "make lint                      the cheap checks only"
	@echo "make clean                     remove the environment and all caches; your runs stay"

demo:
	@.ci/setup base
	@$(GL) .venv/bin/kata demo seed=$(SEED) $(ARGS)

test:
	@.ci/setup dev
	@$(GL) .ci/check all

test-slow:
	@.ci/setup dev
	@$(GL) .ci/check slow

bench:
	@.ci/setup dev
	@$(GL) .venv/bin/kata bench all seed=$(SEED) $(ARGS)

bench-check:
	@.ci/setup dev
	@$(GL) .venv/bin/kata bench all seed=$(SEED) against=docs/performance.json $(ARGS)

lint:
	@.ci/setup dev
	@.ci/check lint

clean:
	rm -rf .venv .ci/cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find datasets sim policies skills hardware launch tests .ci -name __pycache__ -type d -prune -exec rm -rf {} +
