"""The parts of the experiments on the bundled task: what is trained, asked, timed, counted, drawn and written."""
