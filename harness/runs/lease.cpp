#include "harness/runs/lease.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <system_error>
#include <utility>

#include "harness/base/files.hpp"
#include "harness/base/node.hpp"
#include "harness/base/sha256.hpp"
#include "harness/base/stop.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLease = "lease.", kAttempt = "attempt-";
/// What stands behind the name of an attempt that is being removed.
constexpr std::string_view kGone = ".gone";
constexpr const char* kBeat = "beat";
constexpr const char* kOwner = "owner";
constexpr const char* kReleased = "released";
constexpr std::uintmax_t kMostLease = 4096;
/// Signs of life within the time after which a lease is taken over.
constexpr double kBeats = 5;

/// Descriptors of the attempts at work here, for a signal handler; 0, which is standard input, if
/// free.
constexpr std::size_t kSlots = 1024;
std::array<std::atomic<int>, kSlots> slots{};

/// A lease's file: its number, and what it says.
struct LeaseFile {
  std::size_t number = 0;
  /// Of the attempt's folder.
  std::string token;
  std::string identity;
  Holder holder;
};

LeaseFile parse_lease(std::size_t number, const std::string& text) {
  LeaseFile lease;
  lease.number = number;
  std::istringstream lines(text);
  std::getline(lines, lease.token);
  std::getline(lines, lease.identity);
  std::getline(lines, lease.holder.pid);
  std::getline(lines, lease.holder.node);
  std::getline(lines, lease.holder.job);
  return lease;
}

/// The names in a folder that begin so; none if the folder is gone.
std::vector<std::string> names_with(const fs::path& folder, std::string_view start) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.starts_with(start)) names.push_back(std::move(name));
  }
  if (error && error != std::errc::no_such_file_or_directory) fail_to_read(folder, error.value());
  return names;
}

/// The numbers of a run's leases, the highest first.
std::vector<std::size_t> lease_numbers(const fs::path& folder) {
  std::vector<std::size_t> numbers;
  for (const std::string& name : names_with(folder, kLease)) {
    std::size_t number = 0;
    const char* end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + kLease.size(), end, number);
    if (read.ec == std::errc() && read.ptr == end) numbers.push_back(number);
  }
  std::ranges::sort(numbers, std::greater());
  return numbers;
}

fs::path lease_path(const fs::path& folder, std::size_t number) {
  return folder / (std::string(kLease) + std::to_string(number));
}

/// Nothing if it was removed meanwhile.
std::optional<LeaseFile> read_lease(const fs::path& folder, std::size_t number) {
  const fs::path path = lease_path(folder, number);
  try {
    return parse_lease(number, read_file(path, kMostLease));
  } catch (const libnorm::DataError&) {
    if (!is_there(path)) return std::nullopt;
    throw;
  }
}

fs::path attempt_path(const fs::path& folder, const std::string& token) {
  return folder / (std::string(kAttempt) + token);
}

/// What changes while the holder of an attempt is alive: its beats, and its checkpoint.
std::string sign_of(const fs::path& attempt) {
  std::string sign;
  try {
    sign = read_file(attempt / kBeat, kMostLease);
  } catch (const libnorm::DataError&) {
    // It was removed meanwhile, which is a change too.
  }
  struct stat status = {};
  if (::stat((attempt / "checkpoint.bin").c_str(), &status) == 0) {
    sign += " " + std::to_string(status.st_ino) + " " + std::to_string(status.st_mtim.tv_sec) +
            " " + std::to_string(status.st_mtim.tv_nsec);
  }
  return sign;
}

/// Whether a lease keeps nobody else from its run: it was released, its attempt was removed, or its
/// process ended on this machine.
bool is_over(const fs::path& folder, const LeaseFile& lease) {
  const fs::path attempt = attempt_path(folder, lease.token);
  if (!is_there(attempt) || is_there(attempt / kReleased)) return true;
  return is_known_dead(lease.identity);
}

fs::path aside_of(const fs::path& folder, const std::string& token) {
  return aside_in(folder).string() + "-" + token;
}

std::string make_token() {
  static std::atomic<unsigned> count = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return sha256_hex(node_name() + process_identity() + std::to_string(now.tv_sec) + "." +
                    std::to_string(now.tv_nsec) + "." + std::to_string(count++))
      .substr(0, 16);
}

}  // namespace

bool LeaseWatch::is_silent(const std::string& lease, const std::string& sign, double seconds) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  auto [seen, is_new] = seen_.try_emplace(lease, Seen{sign, now});
  if (!is_new && seen->second.sign != sign) seen->second = {sign, now};
  return std::chrono::duration<double>(now - seen->second.since).count() >= seconds;
}

Lease::Lease(fs::path folder, double seconds)
    : folder_(std::move(folder)), token_(make_token()), seconds_(seconds) {
  attempt_ = attempt_path(folder_, token_);
}

std::unique_ptr<Lease> Lease::take(const fs::path& folder, double seconds, LeaseWatch& watch) {
  std::size_t next = 1;
  if (const auto numbers = lease_numbers(folder); !numbers.empty()) {
    const auto last = read_lease(folder, numbers.front());
    if (!last) return nullptr;
    const fs::path attempt = attempt_path(folder, last->token);
    if (!is_over(folder, *last) && !watch.is_silent(attempt.string(), sign_of(attempt), seconds)) {
      return nullptr;
    }
    next = last->number + 1;
  }
  std::unique_ptr<Lease> lease(new Lease(folder, seconds));
  const std::string owner = lease->token_ + "\n" + process_identity() + "\n" +
                            std::to_string(::getpid()) + "\n" + node_name() + "\n" + job_name() +
                            "\n";
  try {
    if (!lease->claim(next, owner)) return nullptr;
  } catch (const libnorm::DataError&) {
    // Whoever held and finished the run meanwhile has removed all attempts, this one among them.
    if (is_there(folder) && !is_there(lease->attempt_)) return nullptr;
    remove_attempt(lease->attempt_);
    throw;
  }
  return lease;
}

bool Lease::claim(std::size_t number, const std::string& owner) {
  std::error_code error;
  fs::create_directory(attempt_, error);
  if (error) fail_to_write(attempt_, "make", error.value());
  write_atomically(attempt_ / kBeat, "0");
  // Two nodes may have equal process ids, so its temporary name is the token.
  const fs::path aside = aside_of(folder_, token_);
  write_atomically(attempt_ / kOwner, owner);
  if (::rename((attempt_ / kOwner).c_str(), aside.c_str()) != 0) {
    fail_to_write(aside, "write", errno);
  }
  const int made = ::link(aside.c_str(), lease_path(folder_, number).c_str());
  const int reason = made == 0 ? 0 : errno;
  // NFS may say that it failed where it was done, so the number of names decides.
  struct stat status = {};
  const bool is_ours = ::stat(aside.c_str(), &status) == 0 && status.st_nlink == 2;
  ::unlink(aside.c_str());
  const bool is_taken = reason == EEXIST || reason == ENOENT;
  if (is_ours) number_ = number;
  // A slow process may have claimed a number that is long over.
  if (is_ours && look()) {
    attempt_descriptor_ = ::open(attempt_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  if (attempt_descriptor_ < 0) {
    if (is_ours) ::unlink(lease_path(folder_, number).c_str());
    number_ = 0;
    remove_attempt(attempt_);
    if (is_ours || is_taken || made == 0) return false;
    fail_to_write(lease_path(folder_, number), "link", reason);
  }
  call_at_stop(release_leases);
  for (std::size_t i = 0; i < kSlots && slot_ < 0; ++i) {
    int free = 0;
    if (slots[i].compare_exchange_strong(free, attempt_descriptor_)) slot_ = int(i);
  }
  thread_ = std::thread([this] { keep_beating(); });
  return true;
}

Lease::~Lease() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  end_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (slot_ >= 0) slots[std::size_t(slot_)] = 0;
  if (number_ == 0) return;
  std::error_code ignored;
  try {
    if (look() && fs::exists(folder_ / "row.json", ignored)) {
      drop_earlier();
      // Nobody needs what other attempts left either.
      for (const std::string& name : names_with(folder_, kAttempt)) {
        remove_attempt(folder_ / name);
      }
      ::unlink(lease_path(folder_, number_).c_str());
    }
  } catch (const libnorm::DataError&) {
    // What stays is found by the next one who takes the run, or by `gc`.
  }
  const Descriptor mark(
      ::openat(attempt_descriptor_, kReleased, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ::close(attempt_descriptor_);
}

bool Lease::look() {
  const auto numbers = lease_numbers(folder_);
  const auto last = numbers.empty() ? std::nullopt : read_lease(folder_, numbers.front());
  looked_ = std::chrono::steady_clock::now();
  return last && last->number == number_ && last->token == token_ && is_there(attempt_);
}

void Lease::gave_sign() {
  const std::lock_guard lock(mutex_);
  gave_sign_ = true;
}

bool Lease::accept(const std::string& name) const {
  const fs::path aside = aside_of(folder_, token_);
  if (::rename((attempt_ / name).c_str(), aside.c_str()) != 0) {
    fail_to_write(folder_ / name, "write", errno);
  }
  const int made = ::link(aside.c_str(), (folder_ / name).c_str());
  const int reason = made == 0 ? 0 : errno;
  struct stat status = {};
  const bool is_ours = ::stat(aside.c_str(), &status) == 0 && status.st_nlink == 2;
  ::unlink(aside.c_str());
  if (made != 0 && !is_ours && reason != EEXIST) fail_to_write(folder_ / name, "link", reason);
  if (is_ours || made == 0) sync_directory(folder_);
  return is_ours || made == 0;
}

bool Lease::is_lost() {
  const std::lock_guard lock(mutex_);
  const auto silent = std::chrono::steady_clock::now() - looked_;
  if (!lost_ && std::chrono::duration<double>(silent).count() > seconds_ / 2) lost_ = !look();
  return lost_;
}

void Lease::beat() {
  // A removed folder stays removed: its descriptor does not find another one of its name.
  const Descriptor file(::openat(attempt_descriptor_, kBeat, O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(++beats_);
  if (file.get() < 0 || ::pwrite(file.get(), text.data(), text.size(), 0) < 0) return;
}

void Lease::keep_beating() {
  std::unique_lock lock(mutex_);
  const auto period = std::chrono::duration<double>(seconds_ / kBeats);
  while (!end_.wait_for(lock, period, [&] { return ends_; }) && !lost_) {
    try {
      lost_ = !look();
    } catch (const libnorm::DataError&) {
      // The file system does not answer; whether the lease is lost is not known yet.
      continue;
    }
    if (!lost_ && !std::exchange(gave_sign_, false)) beat();
  }
}

void Lease::drop_earlier() const {
  for (const std::size_t number : lease_numbers(folder_)) {
    if (number >= number_) continue;
    if (const auto lease = read_lease(folder_, number)) {
      remove_attempt(attempt_path(folder_, lease->token));
    }
    ::unlink(lease_path(folder_, number).c_str());
  }
}

std::optional<Holder> lease_holder(const fs::path& folder) {
  const auto numbers = lease_numbers(folder);
  if (numbers.empty()) return std::nullopt;
  const auto last = read_lease(folder, numbers.front());
  if (!last || is_over(folder, *last)) return std::nullopt;
  return last->holder;
}

std::vector<fs::path> attempts_of(const fs::path& folder) {
  std::vector<fs::path> attempts;
  for (const std::size_t number : lease_numbers(folder)) {
    if (const auto lease = read_lease(folder, number)) {
      attempts.push_back(attempt_path(folder, lease->token));
    }
  }
  for (const std::string& name : names_with(folder, kAttempt)) {
    if (std::ranges::find(attempts, folder / name) == attempts.end()) {
      attempts.push_back(folder / name);
    }
  }
  return attempts;
}

std::error_code remove_attempt(const fs::path& attempt) {
  fs::path gone = attempt;
  std::error_code error;
  if (!attempt.native().ends_with(kGone)) {
    gone += kGone;
    fs::rename(attempt, gone, error);
    if (error == std::errc::no_such_file_or_directory) return {};
    if (error) return error;
  }
  fs::remove_all(gone, error);
  return error;
}

void release_leases() {
  for (const auto& slot : slots) {
    const int folder = slot;
    if (folder == 0) continue;
    const int file = ::openat(folder, kReleased, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file >= 0) ::close(file);
  }
}

}  // namespace harness
