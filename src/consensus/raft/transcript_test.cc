// Runs the transcripts of testdata/: lines that begin with "> " are commands, the lines behind them
// what must happen. POLIS_REWRITE=1 writes what happened into the files, to be read before it is
// committed.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "consensus/raft/testing/kind.hh"

namespace polis::raft {
namespace {

using testing::Cluster;

class Transcript {
 public:
  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    std::uint64_t id = 0;
    if (command == "cluster") {
      in >> id;
      cluster_ = std::make_unique<Cluster>(Cluster::Settings{.voters = id});
      return "";
    }
    if (command == "deliver") return deliver();
    if (command == "settle") return settle();
    if (command == "status") return status();
    if (command == "heal") return cluster_->heal(), "";
    in >> id;
    if (command == "campaign")
      cluster_->campaign(id);
    else if (command == "propose") {
      std::string text;
      in >> text;
      if (!cluster_->propose(id, text)) return "refused\n";
    } else if (command == "read") {
      std::uint64_t read;
      in >> read;
      cluster_->read(id, read);
    } else if (command == "advance")
      cluster_->advance(std::chrono::milliseconds(id));
    else if (command == "isolate")
      cluster_->isolate(id);
    else if (command == "crash")
      cluster_->crash(id);
    else if (command == "restart")
      cluster_->restart(id);
    else if (command == "transfer") {
      std::uint64_t to;
      in >> to;
      if (auto done = cluster_->core(id).transfer(ReplicaId(to), cluster_->now()); !done)
        return done.error().text + "\n";
      cluster_->perform(id);
    } else
      return "unknown command\n";
    return under_way();
  }

 private:
  std::string under_way() {
    std::string out;
    for (const Message& m : cluster_->network()) out += "  " + describe(m) + "\n";
    return out;
  }
  std::string deliver() {
    std::list<Message> now = std::exchange(cluster_->network(), {});
    for (const Message& m : now) cluster_->deliver(m);
    return under_way();
  }
  std::string settle() {
    cluster_->settle();
    return status();
  }
  std::string status() {
    std::string out;
    for (std::uint64_t id = 1; id <= cluster_->count(); ++id) {
      if (!cluster_->up(id)) {
        out += fmt::format("  {}: down\n", id);
        continue;
      }
      const Raft& raft = cluster_->core(id);
      out += fmt::format("  {}: {} term={} last={}/{} commit={} reads={}\n", id,
                         to_string(raft.role()), raft.term().value, raft.log().last_index().value,
                         raft.log().last_term().value, raft.commit().value,
                         cluster_->reads(id).size());
    }
    return out;
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST(Transcript, every_file_happens_as_written) {
  std::filesystem::path folder = POLIS_SOURCE_DIR "/src/consensus/raft/testdata";
  int files = 0;
  for (auto& file : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(file.path().string());
    ++files;
    std::ifstream in(file.path());
    std::string line, expected, happened;
    Transcript transcript;
    while (std::getline(in, line)) {
      expected += line + "\n";
      if (line.starts_with("> ")) happened += line + "\n" + transcript.run(line.substr(2));
      if (line.starts_with("#") || line.empty()) happened += line + "\n";
    }
    if (std::getenv("POLIS_REWRITE") != nullptr) std::ofstream(file.path()) << happened;
    EXPECT_EQ(happened, expected);
  }
  EXPECT_GE(files, 3);
}

}  // namespace
}  // namespace polis::raft
