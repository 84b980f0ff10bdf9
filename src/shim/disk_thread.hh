#pragma once

// The one thread beside the main one: all that may wait for a disk. A disk that hangs then holds up
// neither the instance (its output is dropped) nor its deadline.
//
// For the shim's own program alone.
//
// Threads: start, give_record, rotate and finish from the main one.

#include <pthread.h>

#include "shim/log_files.hh"
#include "shim/record.hh"

namespace polis::shim {

class DiskThread {
 public:
  DiskThread(const Spec& spec, OutputCounts& counts) : counts_(counts), files_(spec, counts) {}
  // Makes the pipe and the thread. 0, or an errno. `record`: the open record file.
  int start(int record);
  // Where output goes in; never blocks.
  int input() const { return input_.get(); }
  // Readable when news() has something to tell.
  int news_descriptor() const { return news_.get(); }

  // Writes the record and makes it durable. One at a time: the one before is forgotten if it has
  // not been begun.
  void give_record(const Record& record);
  void rotate();
  // The instance has ended: the thread writes what was given, then what is left in `fifo` (-1:
  // none), and ends.
  void finish(int fifo);

  struct News {
    bool recorded = false;
    int record_error = 0;  // errno
    bool finished = false;
  };
  // What has happened since the last time.
  News news();

 private:
  static void* run(void* self);
  void work();
  bool copy_output();
  bool copy_from(int descriptor);
  void copy_rest(int fifo);
  bool may_finish();
  void write_record();
  void tell();

  OutputCounts& counts_;
  LogFiles files_;
  int record_file_ = -1;
  Descriptor input_, output_;  // the pipe's ends: for the main thread, for this one
  Descriptor wake_, news_;     // eventfd
  pthread_t thread_{};
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  // Under the mutex:
  char slot_[kRecordSlot];
  std::uint64_t slot_number_ = 0;
  bool slot_given_ = false;
  bool rotate_ = false;
  bool finish_ = false;
  int fifo_ = -1;  // for finish
  News news_given_;
};

}  // namespace polis::shim
