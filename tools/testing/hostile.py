"""What guest_tests/t_hog.c can do, by the names that its `modes=` takes."""

# Its second processor does it; with the second list, its first one is awake, too.
ALONE = ("cpuid", "port", "outs", "mmio", "msr", "vmcall", "xsetbv", "cr", "touch", "reset", "spin",
         "cli", "pause", "page", "db", "ac", "nmi", "init", "timer", "periodic", "hlt")
BOTH = ("ipi", "pit")
