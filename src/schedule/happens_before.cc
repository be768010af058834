#include "schedule/happens_before.h"

namespace ccbench::explore {

void HappensBefore::join(Task task, Task ended) {
  if (follows(task)) publish(ended, known_[task].now);
}

void HappensBefore::acquire(Task task, ObjectId object) {
  if (!follows(task)) return;
  known_[task].now.join(objects_[object].released);
  known_[task].now.join(objects_[object].released_shared);
}

void HappensBefore::release(Task task, ObjectId object) {
  if (follows(task)) publish(task, objects_[object].released);
}

void HappensBefore::acquire_shared(Task task, ObjectId object) {
  if (follows(task)) known_[task].now.join(objects_[object].released);
}

void HappensBefore::release_shared(Task task, ObjectId object) {
  if (follows(task)) publish(task, objects_[object].released_shared);
}

void HappensBefore::note_read(Task task, ObjectId atomic, std::memory_order order) {
  Known& known = known_[task];
  (acquires(order) ? known.now : known.pending).join(objects_[atomic].released);
}

void HappensBefore::note_write(Task task, ObjectId atomic, std::memory_order order) {
  objects_[atomic].released.clear();
  release_to(task, objects_[atomic].released, order);
}

void HappensBefore::note_modification(Task task, ObjectId atomic, std::memory_order order) {
  note_read(task, atomic, order);
  release_to(task, objects_[atomic].released, order);
}

void HappensBefore::acquire_fence(Task task) {
  if (follows(task)) known_[task].now.join(known_[task].pending);
}

void HappensBefore::release_fence(Task task) {
  if (follows(task)) publish(task, known_[task].fenced);
}

void HappensBefore::note_store(Task task, ObjectId cell, std::uint64_t replaced) {
  Object& its = objects_[cell];
  if (oldest_) its.older.push_back({.store = its.last, .value = replaced});
  its.last = {.task = task, .number = task == kNoTask ? 0 : ++known_[task].stores};
}

bool HappensBefore::may_see_last(Task task, ObjectId cell) {
  unordered_ = true;
  if (!oldest_) return true;
  // The first one is its maker's, which all know.
  auto seen = objects_[cell].older.rbegin();
  while (!is_before(seen->store, task)) ++seen;
  older_value_ = seen->value;
  return false;
}

}  // namespace ccbench::explore
