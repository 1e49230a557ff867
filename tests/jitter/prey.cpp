// Programs that take something for granted, and one that does not: exit code 1 where it was not so.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

// Of two threads the first that began ends first.
bool order() {
  std::mutex mutex;
  std::vector<int> ends;
  std::thread first([&] {
    std::lock_guard lock(mutex);
    ends.push_back(1);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::thread second([&] {
    std::lock_guard lock(mutex);
    ends.push_back(2);
  });
  first.join();
  second.join();
  return ends.front() == 1;
}

// Whom a wait lets go was meant.
bool wakeup() {
  std::mutex mutex;
  std::condition_variable came;
  int there = 0;
  bool over = false, meant = true;
  std::thread brings([&] {
    std::unique_lock lock(mutex);
    for (; !over; lock.lock()) {
      ++there;
      came.notify_one();
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  {
    std::unique_lock lock(mutex);
    for (int i = 0; i < 20 && meant; ++i) {
      const int before = there;
      came.wait(lock);
      meant = there > before;
    }
    over = true;
  }
  brings.join();
  return meant;
}

// What is sent at once comes at once.
bool piece() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
  const std::string said(1000, 'x');
  if (::send(ends[0], said.data(), said.size(), 0) != 1000) std::abort();
  char block[1000];
  bool whole = true;
  for (int i = 0; i < 5 && whole; ++i) {
    if (i > 0 && ::send(ends[0], said.data(), said.size(), 0) != 1000) std::abort();
    whole = ::recv(ends[1], block, sizeof block, 0) == 1000;
  }
  return whole;
}

// A thread is soon at work.
bool soon() {
  std::atomic<bool> works{false};
  std::thread other([&] { works = true; });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const bool seen = works;
  other.join();
  return seen;
}

// Takes nothing for granted.
bool sound() {
  std::mutex mutex;
  std::condition_variable came;
  int there = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < 4; ++i)
    all.emplace_back([&] {
      std::lock_guard lock(mutex);
      ++there;
      came.notify_one();
    });
  {
    std::unique_lock lock(mutex);
    came.wait(lock, [&] { return there == 4; });
  }
  for (auto& t : all) t.join();
  return there == 4;
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count == 2 ? words[1] : "";
  if (what == "order") return order() ? 0 : 1;
  if (what == "wakeup") return wakeup() ? 0 : 1;
  if (what == "piece") return piece() ? 0 : 1;
  if (what == "soon") return soon() ? 0 : 1;
  if (what == "sound") return sound() ? 0 : 1;
  std::fprintf(stderr, "error: order, wakeup, piece, soon or sound\n");
  return 2;
}
