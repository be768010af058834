#include "schedule/happens_before.h"

namespace ccbench::explore {

void HappensBefore::begin_object(ObjectId object) {
  if (object >= objects_.size()) objects_.resize(object + 1);
  Object& its = objects_[object];
  its.released.clear();
  its.released_shared.clear();
  its.stores.clear();
}

void HappensBefore::begin_task(Task task, Task maker) {
  Known& known = known_[task];
  known.now.clear();
  known.fenced.clear();
  known.pending.clear();
  if (maker != kNoTask) known.now.join(known_[maker].now);
}

void HappensBefore::join(Task task, Task ended) {
  if (task != kNoTask) known_[task].now.join(known_[ended].now);
}

void HappensBefore::acquire(Task task, ObjectId object) {
  if (task == kNoTask) return;
  known_[task].now.join(objects_[object].released);
  known_[task].now.join(objects_[object].released_shared);
}

void HappensBefore::release(Task task, ObjectId object) {
  if (task != kNoTask) objects_[object].released.join(known_[task].now);
}

void HappensBefore::acquire_shared(Task task, ObjectId object) {
  if (task != kNoTask) known_[task].now.join(objects_[object].released);
}

void HappensBefore::release_shared(Task task, ObjectId object) {
  if (task != kNoTask) objects_[object].released_shared.join(known_[task].now);
}

void HappensBefore::read(Task task, ObjectId atomic, std::memory_order order) {
  if (task == kNoTask) return;
  Known& known = known_[task];
  (acquires(order) ? known.now : known.pending).join(objects_[atomic].released);
}

void HappensBefore::write(Task task, ObjectId atomic, std::memory_order order) {
  objects_[atomic].released.clear();
  if (task == kNoTask) return;
  const Known& known = known_[task];
  objects_[atomic].released.join(releases(order) ? known.now : known.fenced);
}

void HappensBefore::modify(Task task, ObjectId atomic, std::memory_order order) {
  if (task == kNoTask) return;
  read(task, atomic, order);
  const Known& known = known_[task];
  objects_[atomic].released.join(releases(order) ? known.now : known.fenced);
}

void HappensBefore::fence(Task task, std::memory_order order) {
  if (task == kNoTask) return;
  Known& known = known_[task];
  if (acquires(order)) known.now.join(known.pending);
  if (releases(order)) known.fenced.join(known.now);
}

void HappensBefore::store(Task task, ObjectId cell, std::uint64_t value) {
  const std::uint32_t number = task == kNoTask ? 0 : known_[task].now.count(task);
  objects_[cell].stores.push_back({.task = task, .number = number, .value = value});
}

std::uint64_t HappensBefore::load(Task task, ObjectId cell) {
  const std::vector<Store>& stores = objects_[cell].stores;
  if (task == kNoTask || is_before(stores.back(), task)) return stores.back().value;
  unordered_ = true;
  if (model_ == MemoryModel::sequential) return stores.back().value;
  ++old_loads_;
  // The first one is its maker's, so that there is one.
  auto seen = stores.rbegin();
  while (!is_before(*seen, task)) ++seen;
  return seen->value;
}

}  // namespace ccbench::explore
