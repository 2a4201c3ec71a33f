# make help says what there is. Everything is installed from requirements/, exports of one lock, and checked against its hashes.
PYTHON ?= python3.11
VENV ?= $(if $(filter python3.11,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes -r
DATA ?= $(GYRUS_DATA)
VERSION ?= 1.2.0
# The figures of make cross, when they are there.
CROSS = $(if $(wildcard runs/cross.json),--cross runs/cross.json)

.PHONY: run desktop desktop-package test coverage test-package quality style docs lock wheel train cross evaluate bench fuzz soak image sbom audit clean help

help:
	@echo "make run        start the page at http://127.0.0.1:7860"
	@echo "make desktop    start the program with a window of its own"
	@echo "make test       install what tests need, check the code, run every test (PYTHON=python3.12 for another Python)"
	@echo "make coverage   the tests again, counting the lines of inference and ui that they run: 92 % at least"
	@echo "make fuzz       read 20,000 damaged files, and send 2,000 to the server; goes on where it stopped"
	@echo "make soak       16 visitors for MINUTES=30; writes bench/soak.svg and bench/SOAK.md"
	@echo "make quality    ruff, mypy, import-linter"
	@echo "make style      let ruff mend what it can"
	@echo "make docs       build the documentation in site/"
	@echo "make lock       write requirements after a change of pyproject.toml; UPGRADE=NAME takes its newest version"
	@echo "make wheel      build the wheel and the source archive in dist/"
	@echo "make train      train the shipped model on DATA=FOLDER (goes on where it stopped) and write its bundle"
	@echo "make cross      measure the recipe on Cheng's five folds and on a source left out (hours)"
	@echo "make evaluate   measure the shipped bundle on DATA=FOLDER"
	@echo "make bench      measure what Gyrus costs beside the articles' way (ROWS=1,2,3 for a part) and write bench/RESULTS.md"
	@echo "make image      build the container image"
	@echo "make sbom       list every package that the program needs in sbom.cdx.json (CycloneDX)"
	@echo "make audit      look them up in the list of known holes (needs the network)"
	@echo "make desktop-package  build the desktop program's folder, archive and installer in dist/"
	@echo "make test-package     try what make desktop-package built, as root also its Debian package"

run: $(VENV)/.run
	$(BIN)/python app.py

desktop: $(VENV)/.desktop tk
	$(BIN)/python -m ui.desktop

# In an environment of its own, so that nothing of training gets in; packaging/gyrus.spec leaves the page out.
desktop-package: $(VENV)-package/.desktop tk
	$(VENV)-package/bin/python -m PyInstaller --noconfirm --log-level WARN packaging/gyrus.spec
	if [ "$$(uname -s)" = Linux ]; then packaging/linux/build.sh; fi

# A file's tests share servers and browsers, so that a file is never split.
WORKERS ?= 2
test: $(VENV)/.dev chromium screen dcm2niix quality
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

coverage: $(VENV)/.dev chromium screen dcm2niix
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --cov

test-package: $(VENV)/.dev screen
	$(BIN)/python -m pytest -m package tests/ui/desktop/test_package.py

SEED ?= 1
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.stress fuzz --seed $(SEED)

MINUTES ?= 30
soak: $(VENV)/.dev
	$(BIN)/python -m tests.stress soak --minutes $(MINUTES) --out bench

quality: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

style: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

MERMAID = 11.17.2
MERMAID_SHA256 = 7a644017d37f93c8359790884e6b67fb1f747c78eb20475952404bd87190a3f8
# From nothing each time (-E), so that no warning is lost with what was read before.
docs: $(VENV)/.dev $(if $(shell command -v npm),build/mermaid.tiny.js)
	$(BIN)/python -m sphinx -E -W --keep-going -q -d build/doctrees docs site

# What draws the picture in docs/architecture.md; without npm the page shows it as text.
build/mermaid.tiny.js:
	mkdir -p build
	cd build && npm pack --silent @mermaid-js/tiny@$(MERMAID) && tar -xzf mermaid-js-tiny-$(MERMAID).tgz --strip-components=2 package/dist/mermaid.tiny.js
	echo "$(MERMAID_SHA256)  build/mermaid.tiny.js" | sha256sum --check --quiet || { rm -f $@; exit 1; }

# One lock for every extra, Python and system, from which each set is exported: pip cannot pick an extra from a lock. It
# pins no coverage[toml] by a line that says coverage, so that the extras stay in the names.
# Versions stay as they are while they fit; UPGRADE=all takes the newest of everything that the bounds allow.
COMPILE = $(BIN)/uv pip compile --quiet --universal --no-strip-extras --generate-hashes --custom-compile-command "make lock"
EXPORT = $(COMPILE) --no-annotate --constraints requirements/lock.txt pyproject.toml
lock: $(VENV)/.dev
	$(COMPILE) --all-extras --group audit $(if $(UPGRADE),$(if $(filter all,$(UPGRADE)),--upgrade,--upgrade-package $(UPGRADE))) \
	  pyproject.toml -o requirements/lock.txt
	$(EXPORT) --extra keras -o requirements.txt
	$(EXPORT) -o requirements/default.txt
	$(EXPORT) --extra package -o requirements/desktop.txt
	$(EXPORT) --extra train -o requirements/train.txt
	$(EXPORT) --extra bench -o requirements/bench.txt
	$(EXPORT) --extra dev -o requirements/dev.txt
	$(filter-out pyproject.toml,$(EXPORT)) --group audit -o requirements/audit.txt

wheel: $(VENV)/.dev
	$(BIN)/python -m hatchling build

# The recipe. A plain network; from it one that learns with tumours hidden, pasted and painted, in two turns, and in a
# third with slices of a healthy head, cut anywhere; the average of the plain one and that, which knows both; this twice
# more, more gently; and from the first of these two, twice more, one that sees the volumes too. What ships is an average of
# the plain one and the last two; its holdout model, the same without volumes, is what an unseen cohort is measured on. An
# interrupted step goes on where it stopped; a finished one is quickly passed over.
TRAINING = $(BIN)/python -m training
HIDDEN = --counterfactuals 0.45
FEWER = --learning-rate 0.0004 --counterfactuals 0.25
AGAIN = --learning-rate 0.0004 --counterfactuals 0.3
# Colin 27, one healthy head in MNI space, and its brain: Debian's package mricron-data has both.
HEAD ?= /usr/share/mricron/templates/ch2.nii.gz
BRAIN ?= /usr/share/mricron/templates/ch2bet.nii.gz
HEALTHY = --healthy "$(HEAD)" "$(BRAIN)"
train: $(VENV)/.train head
	$(TRAINING) fit --data "$(DATA)" --work runs/plain --epochs 12
	$(TRAINING) fit --data "$(DATA)" --work runs/hidden --start runs/plain/trained.keras --epochs 14 --learning-rate 0.0007 --seed 3 $(HIDDEN)
	$(TRAINING) fit --data "$(DATA)" --work runs/longer --start runs/hidden/trained.keras --epochs 22 --learning-rate 0.0007 --seed 5 $(HIDDEN)
	$(TRAINING) fit --data "$(DATA)" --work runs/healthy --start runs/longer/trained.keras --epochs 14 --learning-rate 0.0007 --seed 11 $(HIDDEN) $(HEALTHY)
	$(TRAINING) average --work runs/both --of runs/plain:0.4 runs/healthy:0.6
	$(TRAINING) fit --data "$(DATA)" --work runs/gentle --start runs/both/trained.keras --epochs 9 --seed 12 $(FEWER) $(HEALTHY)
	$(TRAINING) fit --data "$(DATA)" --work runs/volumes --start runs/gentle/trained.keras --epochs 6 --seed 14 $(FEWER) $(HEALTHY) --volumes
	$(TRAINING) fit --data "$(DATA)" --work runs/gentle-again --start runs/gentle/trained.keras --epochs 8 --seed 22 $(AGAIN) $(HEALTHY)
	$(TRAINING) fit --data "$(DATA)" --work runs/volumes-again --start runs/volumes/trained.keras --epochs 8 --seed 24 $(AGAIN) $(HEALTHY) --volumes
	$(TRAINING) average --work runs/holdout --of runs/plain:0.1 runs/gentle:0.4 runs/gentle-again:0.5
	$(TRAINING) average --work runs/shipped --of runs/plain:0.1 runs/volumes:0.4 runs/volumes-again:0.5
	$(TRAINING) export --data "$(DATA)" --work runs/holdout --out runs/holdout/bundle --version $(VERSION)
	$(TRAINING) export --data "$(DATA)" --work runs/shipped --version $(VERSION) --holdout runs/holdout/bundle $(CROSS)

# What the recipe is worth on patients and sources that it leaves out: a plain network for each of Cheng's folds, and for
# each source the recipe with fewer epochs. Two hours on two cores; goes on where it stopped.
FOLDS = 1 2 3 4 5
SOURCES = br35h
cross: $(VENV)/.train head
	for fold in $(FOLDS); do \
	  $(TRAINING) fit --data "$(DATA)" --work runs/fold-$$fold --epochs 8 --test-fold $$fold || exit 1; \
	done
	for source in $(SOURCES); do \
	  $(TRAINING) fit --data "$(DATA)" --work runs/plain-$$source --epochs 10 --without $$source && \
	  $(TRAINING) fit --data "$(DATA)" --work runs/robust-$$source --epochs 8 --without $$source \
	    --start runs/plain-$$source/trained.keras --learning-rate 0.0007 --seed 3 $(HIDDEN) && \
	  $(TRAINING) average --work runs/both-$$source --of runs/plain-$$source:0.4 runs/robust-$$source:0.6 && \
	  $(TRAINING) fit --data "$(DATA)" --work runs/gentle-$$source --epochs 6 --without $$source \
	    --start runs/both-$$source/trained.keras --seed 12 $(FEWER) $(HEALTHY) && \
	  $(TRAINING) fit --data "$(DATA)" --work runs/gentle-again-$$source --epochs 6 --without $$source \
	    --start runs/gentle-$$source/trained.keras --seed 22 $(AGAIN) $(HEALTHY) && \
	  $(TRAINING) average --work runs/without-$$source \
	    --of runs/plain-$$source:0.1 runs/gentle-$$source:0.4 runs/gentle-again-$$source:0.5 || exit 1; \
	done
	$(TRAINING) cross --data "$(DATA)" --of $(FOLDS:%=runs/fold-%) $(SOURCES:%=runs/without-%)

evaluate: $(VENV)/.train
	$(BIN)/python -m training evaluate models/brain_tumor --data "$(DATA)"

bench: $(VENV)/.bench chromium
	$(BIN)/python -m bench $(if $(ROWS),--rows $(ROWS))

image:
	docker build -t gyrus .

# In an environment with nothing but the program, so that neither tests nor the tools themselves are listed.
sbom: $(VENV)-audit/.audit
	$(VENV)-audit/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
	  --of JSON -o sbom.cdx.json $(VENV)-audit/program

audit: $(VENV)-audit/.audit
	$(VENV)-audit/bin/pip-audit --path "$$($(VENV)-audit/program/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

clean:
	rm -rf $(VENV) $(VENV)-package $(VENV)-audit sbom.cdx.json build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

%/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11, 3.12 or 3.13 is needed; name yours with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $* || { echo "Debian keeps venv in a package of its own: apt-get install python3-venv"; exit 1; }

# Each set of packages is one stamp; a changed export installs again. All are of one lock, so that they share an environment.
$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) $<
	@touch $@

$(VENV)/.%: requirements/%.txt | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) $<
	@touch $@

$(VENV)-package/.desktop: requirements/desktop.txt | $(VENV)-package/bin/python
	$(VENV)-package/bin/python $(INSTALL) $<
	@touch $@

$(VENV)-audit/.audit: requirements/audit.txt requirements.txt | $(VENV)-audit/bin/python
	$(PYTHON) -m venv --without-pip $(VENV)-audit/program
	$(VENV)-audit/bin/python $(INSTALL) requirements/audit.txt
	PIP_PYTHON=$(VENV)-audit/program/bin/python $(VENV)-audit/bin/python $(INSTALL) requirements.txt
	@touch $@

# The browser tests skip themselves when there is no Chromium.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Debian's chromium for the browser tests"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null || \
	  echo "chromium could not be installed: the browser tests will be skipped"; \
	else echo "No chromium, and no right to install it: the browser tests will be skipped"; fi

# What reads DICOM series here is compared with it; the comparison skips itself without.
.PHONY: dcm2niix
dcm2niix:
	@command -v dcm2niix >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Debian's dcm2niix as a reference for DICOM series"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dcm2niix >/dev/null || \
	  echo "dcm2niix could not be installed: the comparison with it will be skipped"; \
	else echo "No dcm2niix, and no right to install it: the comparison with it will be skipped"; fi

.PHONY: head
head:
	@{ [ -f "$(HEAD)" ] && [ -f "$(BRAIN)" ]; } || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Debian's mricron-data for a healthy head"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mricron-data >/dev/null; \
	else echo "There is no healthy head (on Debian: apt-get install mricron-data); name its volume and its brain's: make train HEAD=FILE BRAIN=FILE"; exit 1; fi

# Debian keeps Tk in a package of its own.
.PHONY: tk
tk: | $(VENV)/bin/python
	@$(BIN)/python -c "import tkinter" 2>/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Debian's python3-tk"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-tk >/dev/null || \
	  echo "python3-tk could not be installed"; \
	else echo "This Python has no Tk (on Debian: apt-get install python3-tk)"; fi

# The tests of the window skip themselves without a display of their own.
.PHONY: screen
screen: tk
	@{ command -v Xvfb && command -v xdotool; } >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Debian's xvfb and xdotool for the tests of the window"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends xvfb xdotool fonts-dejavu-core python3-gi gir1.2-gtk-3.0 >/dev/null || \
	  echo "xvfb could not be installed: the tests of the window will be skipped"; \
	else echo "No Xvfb or xdotool, and no right to install them: tests of the window will be skipped"; fi
