"""The one list of tasks."""

TASKS = {
    "age": "agr.age:AgeEstimator",
    "gender": "agr.gender:GenderEstimator",
    "race": "agr.race:RaceEstimator",
}
