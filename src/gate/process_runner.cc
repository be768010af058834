#include "gate/process_runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "driver/clock.h"

namespace ccbench {
namespace {

constexpr Nanos kPatience = 10 * kSecond;

/// A descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  int get() const { return number_; }
  void reset() {
    if (number_ >= 0) close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read, write;

  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
      throw GateError(fmt::format("a pipe cannot be made: {}", std::strerror(errno)));
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

[[noreturn]] void become(const Arm& arm, char* const* arguments, pid_t parent, const Pipe& out,
                         const Pipe& error) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  dup2(out.write.get(), STDOUT_FILENO);
  dup2(error.write.get(), STDERR_FILENO);
  execv(arm.program.c_str(), arguments);
  const std::string why = fmt::format("{}: {}\n", arm.program, std::strerror(errno));
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, why.data(), why.size());
  _exit(127);
}

/// A process that is ended, if need be, and waited for.
class Process {
 public:
  Process() = default;
  ~Process() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    wait();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void is(pid_t pid) { pid_ = pid; }
  void pass_on(int signal) const { kill(pid_, signal); }
  void kill_group() const { kill(-pid_, SIGKILL); }
  /// Its exit code, or 128 + the signal that ended it.
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;  ///< 0: none
};

/// Adds what can be read without waiting. Answers whether more may come.
bool drain(int descriptor, std::string& text) {
  std::array<char, 65536> piece{};
  const ssize_t got = read(descriptor, piece.data(), piece.size());
  if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto begin = text.rfind('\n');
  if (begin != std::string::npos) text.erase(0, begin + 1);
  return text.starts_with("ccbench: ") ? text.substr(9) : text;
}

std::vector<std::string> words_of(const Arm& arm, const ArmFlags& more) {
  ArmFlags flags = more;
  flags.insert(arm.flags.begin(), arm.flags.end());
  std::vector<std::string> words = {arm.program, "run"};
  for (const auto& [name, value] : flags) words.push_back(fmt::format("--{}={}", name, value));
  return words;
}

timespec until(Nanos deadline) {
  const Nanos left = std::max<Nanos>(0, deadline - steady_now());
  return {.tv_sec = left / kSecond, .tv_nsec = left % kSecond};
}

/// A program that runs, and what it has printed so far.
class Program {
 public:
  Program(const Arm& arm, const ArmFlags& more) {
    std::vector<std::string> words = words_of(arm, more);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) throw GateError(fmt::format("a process cannot be made: {}", std::strerror(errno)));
    if (child == 0) become(arm, arguments.data(), parent, out_, error_);
    setpgid(child, child);  // Here too: whoever of the two comes first.
    process_.is(child);
    out_.write.reset();
    error_.write.reset();
    sources_ = {{{.fd = out_.read.get(), .events = POLLIN, .revents = 0},
                 {.fd = error_.read.get(), .events = POLLIN, .revents = 0}}};
  }

  bool prints() const {
    return std::ranges::any_of(sources_, [](const pollfd& source) { return source.fd >= 0; });
  }

  /// Reads what there is, and waits for more until then, or until a signal comes.
  void read(const timespec& left, const sigset_t* outside) {
    if (ppoll(sources_.data(), sources_.size(), &left, outside) < 0 && errno != EINTR)
      throw GateError(fmt::format("poll: {}", std::strerror(errno)));
    for (pollfd& source : sources_) {
      if (source.fd < 0 || source.revents == 0) continue;
      if (!drain(source.fd, source.fd == out_.read.get() ? text_ : said_)) source.fd = -1;
      source.revents = 0;
    }
  }

  void pass_on(int signal) const { process_.pass_on(signal); }
  void kill() {
    process_.kill_group();
    process_.wait();
  }

  ArmOutput end() {
    const int code = process_.wait();
    return {.exit_code = code, .text = std::move(text_), .complaint = last_line(std::move(said_))};
  }

 private:
  Pipe out_;
  Pipe error_;
  Process process_;
  std::array<pollfd, 2> sources_{};
  std::string text_;
  std::string said_;
};

}  // namespace

ArmOutput ProcessRunner::run(const Arm& arm, const ArmFlags& more, Nanos limit) {
  Program program(arm, more);
  Nanos deadline = steady_now() + limit;
  bool passed_on = false;
  const Interruption::Held held;
  while (program.prints()) {
    if (interruption_.signal() != 0 && !passed_on) {
      program.pass_on(interruption_.signal());
      passed_on = true;
      deadline = std::min(deadline, steady_now() + kPatience);
    }
    if (steady_now() >= deadline) {
      program.kill();
      if (passed_on) return {};
      throw GateError(
          fmt::format("{} did not end within {}: {}", arm.program, to_text(limit), command_of(arm)));
    }
    program.read(until(deadline), held.outside());
  }
  ArmOutput output = program.end();
  constexpr int kNotStarted = 127;
  if (output.exit_code == kNotStarted && output.text.empty())
    throw GateError(fmt::format("{} cannot be started: {}", arm.program, output.complaint));
  return output;
}

}  // namespace ccbench
