#pragma once

// A thread beside the loop for work that takes long: syncing a slow disk, filling files, committing
// the engine. Its queue has no bound.
//
// Threads: call run() on the loop's thread. Jobs run on the worker's thread, one after the other,
// in the order in which they were given.
// Life: the destructor waits until all jobs are done.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace polis::io {

class Worker {
 public:
  explicit Worker(const char* name);  // the thread's name, at most 15 characters
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run(std::function<void()> job);

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace polis::io
