// What norm-harness does as a process: streams, threads, memory, terminals.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <tuple>

#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/memory.hpp"
#include "harness/base/terminal.hpp"
#include "tests/cli/process.hpp"

namespace {

using cli::only_run;
using cli::run;
using cli::shell;
using cli::weights;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
namespace fs = std::filesystem;

constexpr const char* kShort = "run e1 --profile smoke --arms none --threads 1 --quiet --store s";
TEST(Streams, OutputThatCannotBeWrittenIsThree) {
  const cli::Scratch scratch;
  cli::write(scratch / "voc", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\n");
  ASSERT_EQ(run(scratch.path(), kShort).code, 0);
  for (const std::string command :
       {"--help", "--version", "run e1 --help", "list", "show --store s", "show --json --store s",
        "verify --results golden --golden " GOLDEN, "tokenize --vocab voc <<<hello", kShort}) {
    for (const auto& [to, why] : {std::pair(">/dev/full", "No space left on device"),
                                  std::pair(">&-", "Bad file descriptor")}) {
      const auto outcome = shell(scratch.path(), "$H " + command + " " + to);
      EXPECT_EQ(outcome.code, 3) << command << to;
      EXPECT_THAT(outcome.err,
                  HasSubstr(fmt::format("norm-harness: cannot write the output ({})", why)))
          << command << to;
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
  }
  // What went wrong before counts more.
  EXPECT_EQ(shell(scratch.path(), "$H nosuch >/dev/full").code, 2);
  EXPECT_EQ(shell(scratch.path(), "$H show --store nowhere >/dev/full").code, 3);
}

TEST(Streams, ASignalWhileFiguresAreDrawnLeavesNoFolder) {
  const cli::Scratch scratch;
  const auto outcome = shell(
      scratch.path(),
      "mkdir t; TMPDIR=$PWD/t $H figures e1 --profile smoke --results golden --golden " GOLDEN
      " --output f & p=$!; until ls t | grep -q .; do sleep 0.01; done; kill -TERM $p; wait $p; "
      "echo code $?, left $(ls t | wc -l)");
  EXPECT_THAT(outcome.out, testing::EndsWith("code 130, left 0\n"));
}

TEST(Streams, AnErrorThatCannotBeReportedKeepsItsCode) {
  const cli::Scratch scratch;
  for (const char* to : {"2>/dev/full", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    EXPECT_EQ(shell(scratch.path(), "$H nosuch " + std::string(to)).code, 2) << to;
    EXPECT_EQ(shell(scratch.path(), "$H " + std::string(to)).code, 2) << to;
    EXPECT_EQ(shell(scratch.path(), "$H verify --golden nowhere " + std::string(to)).code, 3) << to;
  }
  // Complaints of a command that goes on.
  EXPECT_EQ(
      shell(scratch.path(), "$H " + std::string(kShort) + " --steps 7 --check 2>/dev/full").code,
      3);
  EXPECT_EQ(shell(scratch.path(), "$H tokenize --vocab /dev/null <&-").code, 3);
}

TEST(Streams, AReaderThatWentAwayIsThreeWithoutASentence) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kShort).code, 0);
  const std::string wait = "{ sleep 0.3; ";
  const auto shown = shell(scratch.path(), wait + "$H show --store s; echo $? >code; } | true");
  EXPECT_EQ(cli::read(scratch / "code"), "3\n");
  EXPECT_EQ(shown.err, "");
  shell(scratch.path(), wait + "$H nosuch; echo $? >code; } 2>&1 | true");
  EXPECT_EQ(cli::read(scratch / "code"), "2\n");
  // Runs are made all the same: their results are what they are for.
  shell(scratch.path(), wait + "$H run e1 --profile smoke --store t; echo $? >code; } | true");
  EXPECT_EQ(cli::read(scratch / "code"), "3\n");
  EXPECT_EQ(weights(scratch / "t").size(), 3u);
}

TEST(Streams, AFileNeverTakesThePlaceOfAClosedStream) {
  const cli::Scratch scratch;
  for (const char* closed : {">&-", "<&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"}) {
    fs::remove_all(scratch / "s");
    shell(scratch.path(),
          "$H run e1 --profile smoke --arms none --threads 1 --store s " + std::string(closed));
    // A process id, a node and a job, and nothing of what is printed.
    EXPECT_THAT(cli::read(only_run(scratch / "s") / "lock"),
                MatchesRegex("[0-9]+\n[^ \n]+\n[^ \n]*\n"))
        << closed;
    EXPECT_EQ(weights(scratch / "s").size(), 1u) << closed;
  }
}

#if defined(REFUSE_THREADS)
TEST(Threads, WhereTheSystemGivesNoMoreFewerDoTheWork) {
  const cli::Scratch scratch;
  {
    std::ofstream texts(scratch / "train.csv"), other(scratch / "x.npy", std::ios::binary);
    const std::string head = "{'descr': '<f4', 'fortran_order': False, 'shape': (4000, 64), }";
    other << "\x93NUMPY\x01" << std::string(1, '\0') << "v" << std::string(1, '\0') << head
          << std::string(117 - head.size(), ' ') << '\n';
    for (int i = 0; i < 4000 * 64; ++i) {
      const float x = float(i * 37 % 101);
      other.write(reinterpret_cast<const char*>(&x), sizeof x);
    }
  }
  const std::string golden = " --golden " GOLDEN;
  for (const char* limit : {"ABOVE=1", "ABOVE=2", "ABOVE=3", "AFTER=0"}) {
    const std::string refuse =
        "export LD_PRELOAD='" REFUSE_THREADS "' REFUSE_THREADS_" + std::string(limit) + "\n";
    fs::remove_all(scratch / "s");
    const auto trained =
        shell(scratch.path(),
              refuse + "$H run all --profile smoke --check --threads 4 --store s" + golden);
    EXPECT_EQ(trained.code, 0) << limit << trained.err;
    EXPECT_THAT(trained.err, HasSubstr("the system allows only")) << limit;
    const auto measured =
        shell(scratch.path(), refuse + "$H measure x.npy --threads 4 --rows 4000");
    EXPECT_EQ(measured.code, 0) << limit << measured.err;
    EXPECT_EQ(shell(scratch.path(), refuse + "$H verify --results golden" + golden).code, 0)
        << limit;
  }
  // Refused after it was promised: one sentence, and never a signal.
  for (const char* calls : {"4", "5", "6"}) {
    const auto measured =
        shell(scratch.path(), "export LD_PRELOAD='" REFUSE_THREADS "' REFUSE_THREADS_AFTER=" +
                                  std::string(calls) + "\n$H measure x.npy --threads 4");
    EXPECT_TRUE(measured.code == 0 || measured.code == 3) << calls << ": " << measured.code;
    EXPECT_THAT(measured.err, Not(HasSubstr("terminate called"))) << calls;
    if (measured.code == 3) {
      EXPECT_THAT(measured.err, HasSubstr("norm-harness: ")) << calls;
    }
  }
}
#endif

TEST(Memory, SizesThatItDoesNotHoldAreRefusedBeforeAnythingIsMade) {
  const cli::Scratch scratch;
  for (const char* number :
       {"--blocks 1000000000", "--channels 1000000000", "--hidden 1000000000000",
        "--steps 9000000000000000", "--batch 50000000 --dense"}) {
    const auto outcome =
        run(scratch.path(), "run e1 --profile smoke --store s " + std::string(number));
    EXPECT_EQ(outcome.code, 2) << number;
    const std::string name(number, std::find(number, number + 20, ' '));
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(name + ": too large"), HasSubstr("are free")));
    EXPECT_FALSE(fs::exists(scratch / "s"));
  }
  const auto texts =
      run(scratch.path(), "run e4 --profile smoke --store s --rows 1000000 --length 1000000");
  EXPECT_EQ(texts.code, 2);
  EXPECT_THAT(texts.err, HasSubstr("--length: too large"));
  // A limit of the process is looked at.
  const auto limited = run(scratch.path(), "run e1 --profile smoke --store s --channels 4000",
                           "ulimit -v 1500000; ");
  EXPECT_EQ(limited.code, 2) << limited.err;
  EXPECT_THAT(limited.err, HasSubstr("--channels: too large (4000"));
}

TEST(Memory, IsWhatLimitsLeave) {
  const cli::Scratch scratch;
  const auto put = [&](const fs::path& path, const std::string& text) {
    fs::create_directories((scratch / path.string()).parent_path());
    cli::write(scratch / path.string(), text);
  };
  put("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable: 5000 kB\n");
  EXPECT_EQ(harness::free_memory(scratch.path()), 5000 * 1024);
  put("proc/self/cgroup", "3:cpu:/x\n4:cpuset,memory:/a/b\n0::/c/d\n");
  EXPECT_EQ(harness::free_memory(scratch.path()), 5000 * 1024);
  put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000000");
  put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000000");
  put("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 7\ntotal_inactive_file 400000\n");
  EXPECT_EQ(harness::free_memory(scratch.path()), 2400000);
  put("sys/fs/cgroup/c/d/memory.max", "max");
  put("sys/fs/cgroup/c/memory.max", "2000000");
  put("sys/fs/cgroup/c/memory.current", "1900000");
  EXPECT_EQ(harness::free_memory(scratch.path()), 100000);
  put("sys/fs/cgroup/c/memory.current", "2900000");
  EXPECT_EQ(harness::free_memory(scratch.path()), 0);
  EXPECT_EQ(harness::bytes_text(245.4e12), "245 TB");
  EXPECT_EQ(harness::bytes_text(1900), "1.9 kB");
}

/// What a run writes to a terminal.
std::string on_terminal(const fs::path& directory, int columns, const std::string& environment) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = static_cast<unsigned short>(columns);
  int master = -1;
  const pid_t pid = forkpty(&master, nullptr, nullptr, &size);
  if (pid == 0) {
    const std::string line = "cd '" + directory.string() + "' && " + environment +
                             " exec '" NORM_HARNESS
                             "' run e1 --profile smoke --arms "
                             "layernorm,none --threads 2 --steps 4000 --store s";
    execl("/bin/bash", "bash", "-c", line.c_str(), nullptr);
    _exit(127);
  }
  std::string all;
  char buffer[4096];
  for (ssize_t n; (n = read(master, buffer, sizeof buffer)) > 0;)
    all.append(buffer, std::size_t(n));
  close(master);
  EXPECT_EQ(cli::wait_for(pid), 0) << all;
  return all;
}

TEST(ProgressLine, IsAsWideAsTheTerminalLessOne) {
  for (const auto& [columns, environment, width] :
       {std::tuple(20, "TERM=xterm", 19), std::tuple(100, "TERM=xterm", 99),
        std::tuple(0, "TERM=xterm COLUMNS=30", 29), std::tuple(0, "TERM=xterm COLUMNS=", 79)}) {
    const cli::Scratch scratch;
    const std::string all = on_terminal(scratch.path(), columns, environment);
    int lines = 0;
    std::size_t longest = 0;
    for (std::size_t at = 0; (at = all.find('\r', at)) != std::string::npos; ++at) {
      const std::size_t end = all.find("\033[K", at);
      if (end == std::string::npos || all.find_first_of("\r\n", at + 1) < end) continue;
      longest = std::max(longest, end - at - 1);
      ++lines;
    }
    EXPECT_GT(lines, 1) << all;
    EXPECT_LE(longest, std::size_t(width)) << environment << columns;
    EXPECT_GT(longest, std::size_t(std::min(width, 60) / 2)) << environment << columns;
  }
}

TEST(ProgressLine, HasNoEscapeCodesWhereTheTerminalKnowsNone) {
  for (const char* environment : {"TERM=dumb", "unset TERM;"}) {
    const cli::Scratch scratch;
    const std::string all = on_terminal(scratch.path(), 80, environment);
    EXPECT_EQ(all.find('\033'), std::string::npos) << all;
    EXPECT_THAT(all, HasSubstr("none seed 0: 4000 steps in"));
  }
}

TEST(ProgressLine, IsCutAtWholeCharacters) {
  EXPECT_EQ(harness::cut_to("abc", 5), "abc");
  EXPECT_EQ(harness::cut_to("abc", 2), "ab");
  EXPECT_EQ(harness::cut_to("abc", 0), "");
  EXPECT_EQ(harness::cut_to("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80x", 1), "\xc3\xa9");
  EXPECT_EQ(harness::cut_to("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80x", 3),
            "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80");
}

}  // namespace
