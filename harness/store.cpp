#include "harness/store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <tuple>
#include <utility>

#include "harness/files.hpp"
#include "harness/row_json.hpp"
#include "harness/sha256.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;

constexpr std::size_t kFolderDigits = 16;
constexpr std::string_view kCheckpointMagic = "libnorm checkpoint 1\n";

/// A damaged file of a run; the cure is the same whatever the damage.
[[noreturn]] void fail_damaged(const fs::path& file, const std::string& damage) {
  throw DataError("store: " + file.string() + " " + damage + "; delete the folder " +
                  file.parent_path().string() + " to train this run again");
}

/// The text of a run's spec.txt, checked against the folder's name.
std::string read_spec_text(const fs::path& folder) {
  const fs::path path = folder / "spec.txt";
  if (!is_there(path)) fail_damaged(path, "is missing");
  std::string text = read_file(path);
  const std::string hash = sha256_hex(text);
  if (hash.substr(0, kFolderDigits) != folder.filename().string()) {
    fail_damaged(path, "does not belong to its folder (its sha256 begins with " +
                           hash.substr(0, kFolderDigits) + "): edited, or the folder was renamed");
  }
  return text;
}

/// The row of a run's folder, or nothing if the run is not finished.
std::optional<Row> read_row(const fs::path& folder) {
  const fs::path path = folder / "row.json";
  const bool finished = is_there(path);
  // A run killed before its spec.txt was there has nothing to check yet.
  if (!finished && !is_there(folder / "spec.txt")) return std::nullopt;
  const std::string spec_text = read_spec_text(folder);
  if (!finished) return std::nullopt;

  const std::string sealed = read_file(path);
  const auto line = unseal("row", sealed);
  if (!line) fail_damaged(path, "is torn or edited (its checksum does not hold)");
  std::optional<Row> row;
  try {
    row = row_from_line(*line, "row");
  } catch (const DataError& error) {
    fail_damaged(path, "does not fit this version (" + std::string(error.what()) + ")");
  }
  if (row->spec_sha256 != sha256_hex(spec_text)) {
    fail_damaged(path, "is the row of another run (of spec " + row->spec_sha256 + ")");
  }
  return row;
}

}  // namespace

LockedRun::LockedRun(Spec spec, fs::path folder)
    : spec_(std::move(spec)), folder_(std::move(folder)) {}

LockedRun::LockedRun(LockedRun&& other) noexcept
    : spec_(std::move(other.spec_)),
      folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

LockedRun::~LockedRun() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

/// False where another one has it.
bool LockedRun::take_lock() {
  const fs::path path = folder_ / "lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_to_write(path, "open", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail_to_write(path, "lock", errno);
    return false;
  }
  const std::string id = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    fail_to_write(path, "write", errno);
  }
  return true;
}

void LockedRun::settle_spec() const {
  // Left by a process that was killed between writing aside and renaming.
  for (const char* name : {"spec.txt", "checkpoint.bin", "row.json"}) {
    ::unlink(aside_of(folder_ / name).c_str());
  }
  const fs::path path = folder_ / "spec.txt";
  if (!is_there(path)) {
    if (is_there(folder_ / "row.json")) fail_damaged(path, "is missing");
    write_atomically(path, spec_.canonical());
  } else if (read_spec_text(folder_) != spec_.canonical()) {
    fail_damaged(path, "is of another run whose hash begins alike");
  }
}

void LockedRun::save_checkpoint(std::span<const std::byte> state) const {
  const std::string head =
      std::string(kCheckpointMagic) + spec_.sha256() + " " + std::to_string(state.size()) + "\n";
  const std::string hash = Sha256().update(head).update(state).hex();
  const auto as_bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  std::vector<std::byte> file;
  file.reserve(head.size() + hash.size() + state.size());
  for (const auto part : {as_bytes(head), as_bytes(hash), state}) {
    file.insert(file.end(), part.begin(), part.end());
  }
  write_atomically(folder_ / "checkpoint.bin", file);
}

std::optional<std::vector<std::byte>> LockedRun::load_checkpoint() const {
  const fs::path path = folder_ / "checkpoint.bin";
  if (!is_there(path)) return std::nullopt;
  const std::string file = read_file(path);
  const std::string_view all = file;
  const std::size_t hash_digits = 64;
  if (!all.starts_with(kCheckpointMagic)) {
    fail_damaged(path, "is torn, edited or of another version (it does not begin with \"" +
                           std::string(kCheckpointMagic.substr(0, kCheckpointMagic.size() - 1)) +
                           "\")");
  }
  const std::size_t head_end = all.find('\n', kCheckpointMagic.size());
  if (head_end == std::string_view::npos || all.size() < head_end + 1 + hash_digits) {
    fail_damaged(path, "is torn (it ends inside its head)");
  }
  const std::string_view head = all.substr(0, head_end + 1);
  const std::string_view hash = all.substr(head.size(), hash_digits);
  const std::string_view state = all.substr(head.size() + hash_digits);
  if (Sha256().update(head).update(state).hex() != hash) {
    fail_damaged(path, "is torn or edited (its checksum does not hold; " +
                           std::to_string(state.size()) + " bytes of state)");
  }
  if (head !=
      std::string(kCheckpointMagic) + spec_.sha256() + " " + std::to_string(state.size()) + "\n") {
    fail_damaged(path, "is the checkpoint of another run");
  }
  const auto bytes = std::as_bytes(std::span(state));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

void LockedRun::finish(const Row& row) const {
  if (row.spec_sha256 != spec_.sha256()) {
    throw ValueError("store: the row is of another spec (" + row.spec_sha256 + "); need " +
                     spec_.sha256());
  }
  write_atomically(folder_ / "row.json", seal("row", to_line(row)));
}

Store::Store(fs::path directory) : runs_(std::move(directory) / "runs") {
  std::error_code error;
  fs::create_directories(runs_, error);
  if (error) fail_to_write(runs_, "make", error.value());
  // Modes and access() do not tell (the root user, read-only mounts): only trying does.
  std::string probe = (runs_ / ".probe.XXXXXX").string();
  const Descriptor file(::mkstemp(probe.data()));
  if (file.get() < 0) fail_to_write(runs_, "write to", errno);
  ::unlink(probe.c_str());
}

fs::path Store::folder(const Spec& spec) const {
  return runs_ / spec.sha256().substr(0, kFolderDigits);
}

std::optional<LockedRun> Store::try_lock(const Spec& spec) const {
  LockedRun run(spec, folder(spec));
  std::error_code error;
  fs::create_directory(run.folder(), error);
  if (error) fail_to_write(run.folder(), "make", error.value());
  if (!run.take_lock()) return std::nullopt;
  run.settle_spec();
  sync_directory(runs_);
  return run;
}

LockedRun Store::lock(const Spec& spec) const {
  auto run = try_lock(spec);
  if (run) return *std::move(run);
  throw DataError("store: the run " + folder(spec).string() + " is held by another process (pid " +
                  holder(spec) + "); wait for it or stop it");
}

std::string Store::holder(const Spec& spec) const {
  const std::string id = read_file(folder(spec) / "lock");
  // The holder writes its id just after it got the lock, so the file may be empty for a moment.
  const bool is_id = !id.empty() && id.find_first_not_of("0123456789") == std::string::npos;
  return is_id ? id : "unknown";
}

std::optional<Row> Store::find(const Spec& spec) const { return read_row(folder(spec)); }

std::vector<Row> Store::rows() const {
  std::vector<Row> rows;
  std::error_code error;
  fs::directory_iterator entry(runs_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->is_directory()) continue;
    if (auto row = read_row(entry->path())) rows.push_back(*std::move(row));
  }
  if (error) fail_to_read(runs_, error.value());
  const auto order = [](const Row& row) {
    return std::tie(row.task, row.profile, row.arm, row.seed, row.spec_sha256);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const Row& a, const Row& b) { return order(a) < order(b); });
  return rows;
}

}  // namespace harness
