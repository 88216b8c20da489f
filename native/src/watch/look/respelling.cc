#include "watch/look/respelling.h"

#include <array>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

#include "base/spelling.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

namespace {
constexpr int kTries = 3;  // so many names are tried in one task, until one shows how the file system spells
constexpr uint16_t kAboutContent = kMarkModified | kMarkClosed | kMarkAttrib;

bool is_ascii(std::string_view name) {
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}
}  // namespace

/** Whether a name that is found here may be spelled differently. Asks the file system once. */
bool Respelling::may_be_respelled(int fd, uint64_t dev, const std::vector<Observation>& observations) {
  Spelling& spelling = this_worker.spelling;
  int tries = 0;
  for (const Observation& observation : observations) {
    if (spelling != Spelling::unknown || tries == kTries) break;
    // Never with a mount point that may not answer: this directory would wait for it.
    const bool is_mount = this_worker.mounts_here != nullptr && this_worker.mounts_here->contains(observation.name);
    if (observation.error != 0 || is_mount) continue;
    tries++;
    spelling = spelling_of(fd, observation.name);
  }
  if (tries > 0 && spelling != Spelling::unknown) {
    const Locked lock(mutex_);
    devices_.learn_spelling(lock, dev, spelling);
  }
  return spelling == Spelling::free || (spelling == Spelling::per_directory && folds_case(fd));
}

/** Names in the table that are other spellings of these names, and none of them. Takes the mutex. */
std::vector<std::pair<std::string, uint16_t>> Respelling::spelled_otherwise(
    DirId id, const std::vector<Observation>& observations) {
  std::unordered_map<std::string, uint16_t, NameHash, SameName> told;  // folded
  std::unordered_set<std::string_view, NameHash> names;
  std::array<bool, 256> lengths{};
  for (const Observation& observation : observations) {
    told[folded(observation.name)] |= observation.flags & kAboutContent;
    names.insert(observation.name);
    lengths[observation.name.size() & 0xff] = true;
  }
  std::vector<std::pair<std::string, uint16_t>> others;
  const Locked lock(mutex_);
  if (!table_.valid(id)) return others;
  const Directory& directory = table_.at(id);
  directory.each([&](const Entry&, std::string_view name) {
    if (!lengths[name.size() & 0xff] || names.contains(name)) return;
    if (const auto found = told.find(folded(name)); found != told.end()) others.emplace_back(name, found->second);
  });
  return others;
}

void Respelling::correct(DirId id, int fd, const std::string& path, std::vector<Observation>& observations) {
  if (this_worker.spelling == Spelling::exact || observations.empty()) return;
  uint64_t dev;
  {
    const Locked lock(mutex_);
    dev = table_.valid(id) ? table_.at(id).identity.dev : 0;
  }
  if (!may_be_respelled(fd, dev, observations)) return;
  const size_t asked = observations.size();
  for (auto& [name, flags] : spelled_otherwise(id, observations)) {
    const Mark mark{static_cast<uint16_t>(flags | kMarkVerify), 0};
    observations.push_back(looker_.look(fd, path, std::move(name), mark));
  }
  std::vector<std::string> names;
  for (const Observation& observation : observations) names.push_back(observation.name);
  if (!names_not_listed(fd, names)) return;
  const std::unordered_set<std::string, NameHash, SameName> wrong(names.begin(), names.end());
  bool list = false;
  for (size_t i = 0; i < observations.size(); i++) {
    Observation& observation = observations[i];
    if (!wrong.contains(observation.name)) continue;
    // Found, but under a spelling that is not in the table yet; or gone, by a rule for letters that this code does not
    // know.
    const bool was_asked = i < asked && asked == observations.size();
    list = list || (was_asked && (observation.error == 0 || !is_ascii(observation.name)));
    if (observation.error == 0) observation.error = ENOENT;
  }
  if (!list) return;
  const Locked lock(mutex_);
  if (table_.valid(id)) schedule_.list(lock, id, {.quiet = schedule_.is_first_look(lock, id)});
}

}  // namespace fustor
