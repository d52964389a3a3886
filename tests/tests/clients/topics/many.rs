//! Many tasks and subscriptions at once, against servers with topics.

use super::{COUNT, ECHO, counting, wait_for_subscribers};
use bellwire::Postcard;
use bellwire_std::Event;
use bellwire_std::tokio::{Client, Subscription};
use bellwire_tests::running::{PATIENCE, each};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// Takes events until the number `until`. Returns how many values were delivered and lost.
async fn count_until(subscription: &mut Subscription<Postcard<u32>>, until: u32) -> (u64, u64) {
    let (mut delivered, mut lost) = (0, 0);
    while delivered + lost < u64::from(until) {
        let event = timeout(PATIENCE, subscription.next()).await.unwrap();
        match event.unwrap().unwrap() {
            Event::Value(number) => {
                delivered += 1;
                assert_eq!(u64::from(number), delivered + lost);
            }
            Event::Lost(more) => lost += more,
            _ => panic!("there was no gap"),
        }
    }
    (delivered, lost)
}

#[test]
fn a_thousand_tasks_get_their_own_replies_while_values_arrive() {
    const VALUES: u32 = 5000;
    each(|kind| {
        let (server, count) = counting(kind, "127.0.0.1:0");
        runtime().block_on(async {
            let builder = Client::builder().max_events(100);
            let client = builder.connect(&server.address.to_string()).await.unwrap();
            let mut quick = client.subscribe(COUNT).await.unwrap();
            let mut slow = client.subscribe(COUNT).await.unwrap();
            let mut tasks = JoinSet::new();
            for task in 0..1000 {
                let client = client.clone();
                tasks.spawn(async move {
                    for call in 0..10 {
                        let text = format!("{task}/{call}");
                        assert_eq!(client.call(ECHO, &text).await.unwrap(), text);
                    }
                });
            }
            let quick = tokio::spawn(async move { count_until(&mut quick, VALUES).await });
            for number in 1..=VALUES {
                // All subscriptions of a client are one of the server's.
                assert_eq!(count.publish(&number), Ok(1));
                if number % 50 == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            while let Some(task) = tasks.join_next().await {
                task.unwrap();
            }
            let (delivered, lost) = quick.await.unwrap();
            println!("{delivered} values delivered, {lost} lost");
            assert!(delivered > 100, "{delivered}");
            let (delivered, lost) = count_until(&mut slow, VALUES).await;
            assert!(delivered <= 100, "{delivered} delivered, {lost} lost");
        });
    });
}

#[test]
fn the_server_sees_one_subscription_for_all_and_none_after_the_last() {
    each(|kind| {
        let (server, count) = counting(kind, "127.0.0.1:0");
        runtime().block_on(async {
            let client = Client::connect(&server.address.to_string()).await.unwrap();
            let mut tasks = JoinSet::new();
            for task in 0..100 {
                let client = client.clone();
                tasks.spawn(async move {
                    let mut random = fastrand::Rng::with_seed(task);
                    for _ in 0..20 {
                        let subscription = client.subscribe(COUNT).await.unwrap();
                        sleep(Duration::from_micros(random.u64(0..500))).await;
                        drop(subscription);
                    }
                });
            }
            let mut number = 0;
            while !tasks.is_empty() {
                number += 1;
                assert!(count.publish(&number).unwrap() <= 1);
                if let Ok(task) = timeout(Duration::from_micros(100), tasks.join_next()).await {
                    task.unwrap().unwrap();
                }
            }
            wait_for_subscribers(&count, 0);
            assert_eq!(client.call(ECHO, "end").await.unwrap(), "end");
        });
    });
}

#[test]
fn subscriptions_continue_with_a_server_that_restarts() {
    each(|kind| {
        let (mut server, mut count) = counting(kind, "127.0.0.1:0");
        let address = server.address.to_string();
        runtime().block_on(async {
            let client = Client::connect(&address).await.unwrap();
            let mut counts = client.subscribe(COUNT).await.unwrap();
            for restart in 1..=3 {
                assert_eq!(count.publish(&restart), Ok(1));
                let value = timeout(PATIENCE, counts.next()).await.unwrap();
                assert_eq!(value.unwrap().unwrap(), Event::Value(restart));
                server.stop();
                (server, count) = counting(kind, &address);
                let gap = timeout(PATIENCE, counts.next()).await.unwrap();
                assert_eq!(gap.unwrap().unwrap(), Event::Gap);
            }
            drop((counts, client));
            wait_for_subscribers(&count, 0);
        });
    });
}
