#include "shim/disk_thread.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace polis::shim {
namespace {

// The thread's buffers are small, and it calls little.
constexpr std::size_t kStackBytes = 64 << 10;
constexpr std::size_t kCopyBytes = 8 << 10;
constexpr std::size_t kRestBytesMax = 4 << 20;
// What may wait for the disk: memory of the system, taken as it is used. A wish.
constexpr int kPipeBytes = 1 << 20;

class Locked {
 public:
  explicit Locked(pthread_mutex_t& mutex) : mutex_(mutex) { ::pthread_mutex_lock(&mutex_); }
  ~Locked() { ::pthread_mutex_unlock(&mutex_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

void ring(int eventfd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(eventfd, &one, sizeof one);
}
void hush(int eventfd) {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t n = ::read(eventfd, &count, sizeof count);
}

}  // namespace

int DiskThread::start(int record) {
  record_file_ = record;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
  output_.reset(ends[0]);
  input_.reset(ends[1]);
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  news_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.open() || !news_.open()) return errno;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = ::pthread_create(&thread_, &attributes, &DiskThread::run, this);
  ::pthread_attr_destroy(&attributes);
  return error;
}

void* DiskThread::run(void* self) {
  static_cast<DiskThread*>(self)->work();
  return nullptr;
}

void DiskThread::work() {
  for (bool more = false;;) {
    pollfd waits[2] = {{output_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(waits, 2, more ? 0 : -1) < 0 && errno != EINTR) return;
    hush(wake_.get());
    write_record();
    more = copy_output();
    if (more || !may_finish()) continue;
    copy_rest(fifo_);
    const Locked locked(mutex_);
    news_given_.finished = true;
    tell();
    return;
  }
}

bool DiskThread::may_finish() {
  const Locked locked(mutex_);
  return finish_ && !slot_given_;
}

// True: there may be more. A turn is short, so that a record waits behind little output.
bool DiskThread::copy_output() {
  {
    const Locked locked(mutex_);
    if (rotate_) files_.rotate();
    rotate_ = false;
  }
  return copy_from(output_.get());
}

bool DiskThread::copy_from(int descriptor) {
  char buffer[kCopyBytes];
  const ssize_t n = ::read(descriptor, buffer, sizeof buffer);
  if (n > 0) files_.write({buffer, static_cast<std::size_t>(n)});
  if (n > 0 && descriptor != output_.get()) counts_.bytes += static_cast<std::uint64_t>(n);
  return n > 0;
}

// Bounded, since somebody who is not of the instance could go on writing.
void DiskThread::copy_rest(int fifo) {
  for (std::size_t copied = 0; copied < kRestBytesMax && copy_from(fifo); copied += kCopyBytes) {
  }
}

void DiskThread::write_record() {
  char slot[kRecordSlot];
  std::uint64_t number;
  {
    const Locked locked(mutex_);
    if (!slot_given_) return;
    slot_given_ = false;
    number = slot_number_;
    std::memcpy(slot, slot_, sizeof slot);
  }
  const auto place = static_cast<off_t>(number % 2 * kRecordSlot);
  const ssize_t n = ::pwrite(record_file_, slot, sizeof slot, place);
  int error = n == static_cast<ssize_t>(sizeof slot) ? 0 : n < 0 ? errno : EIO;
  if (error == 0 && ::fdatasync(record_file_) != 0) error = errno;
  // With its name.
  const Descriptor directory(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (error == 0 && (!directory.open() || ::fsync(directory.get()) != 0)) error = errno;
  const Locked locked(mutex_);
  news_given_.recorded = true;
  news_given_.record_error = error;
  tell();
}

void DiskThread::tell() { ring(news_.get()); }

void DiskThread::give_record(const Record& record) {
  {
    const Locked locked(mutex_);
    encode_record(record, slot_);
    slot_number_ = record.sequence;
    slot_given_ = true;
  }
  ring(wake_.get());
}

void DiskThread::rotate() {
  {
    const Locked locked(mutex_);
    rotate_ = true;
  }
  ring(wake_.get());
}

void DiskThread::finish(int fifo) {
  {
    const Locked locked(mutex_);
    finish_ = true;
    fifo_ = fifo;
  }
  ring(wake_.get());
}

DiskThread::News DiskThread::news() {
  hush(news_.get());
  const Locked locked(mutex_);
  const News given = news_given_;
  news_given_ = {};
  return given;
}

}  // namespace polis::shim
